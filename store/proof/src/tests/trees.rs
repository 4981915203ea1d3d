//! The tree of RFC 6962: known roots, and paths of every leaf and between all sizes.

use proto::ids::Digest;

use crate::path::{Path, goes_on, leads_to};
use crate::tree::{Range, empty, leaf, subtrees};

/// The leaves of the reference implementation's tests, and the roots over the first 1, 2, … of them.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|number| leaf(&number.to_le_bytes())).collect()
}

fn tree(leaves: &[Digest]) -> Range {
    let mut tree = Range::at(0);
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

fn path(mut path: Path, leaves: &[Digest]) -> Vec<Digest> {
    leaves.iter().for_each(|leaf| path.push(*leaf));
    path.finish().unwrap()
}

#[test]
fn roots_that_others_have_computed() {
    assert_eq!(
        empty().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let mut tree = Range::at(0);
    for (bytes, root) in LEAVES.into_iter().zip(ROOTS) {
        tree.push(leaf(bytes));
        assert_eq!(tree.root().to_string(), root);
    }
}

#[test]
fn a_tree_that_is_cut_anywhere_is_joined_again() {
    let all = leaves(70);
    for size in 0..=70 {
        let whole = tree(&all[..size]);
        for cut in 0..=size {
            let mut left = tree(&all[..cut]);
            let mut right = Range::at(cut as u64);
            all[cut..size].iter().for_each(|leaf| right.push(*leaf));
            let (begin, end) = (right.begin(), right.end());
            let kept = Range::restore(begin, end, right.hashes().to_vec());
            assert_eq!(kept.as_ref(), Some(&right));
            assert_eq!(subtrees(begin, end).count(), right.hashes().len());
            assert!(left.append(&right), "{cut} of {size}");
            assert_eq!(left, whole, "{cut} of {size}");
        }
    }
    assert!(!tree(&all[..3]).append(&Range::at(4)), "not where it ends");
    assert_eq!(Range::restore(0, 3, vec![Digest::ZERO]), None, "three leaves are two subtrees");
    assert_eq!(Range::restore(4, 3, Vec::new()), None);
}

#[test]
fn each_leaf_is_led_to_the_root_and_no_other_is() {
    let all = leaves(67);
    for size in 1..=67 {
        let root = tree(&all[..size]).root();
        for index in 0..size {
            let of_leaf = Path::of_leaf(index as u64, size as u64).unwrap();
            let found = path(of_leaf, &all[..size]);
            let leads = |leaf: &Digest, index: usize, path: &[Digest]| {
                leads_to(leaf, index as u64, size as u64, path, &root)
            };
            assert!(leads(&all[index], index, &found), "{index} of {size}");
            assert!(!leads(&Digest::ZERO, index, &found));
            assert!(!leads(&all[index], index + 1, &found), "{index} of {size} elsewhere");
            let longer = [&found[..], &[Digest::ZERO]].concat();
            assert!(!leads(&all[index], index, &longer));
            if !found.is_empty() {
                assert!(!leads(&all[index], index, &found[1..]));
            }
        }
        assert!(Path::of_leaf(size as u64, size as u64).is_none());
    }
}

#[test]
fn each_tree_goes_on_each_smaller_one_and_on_no_other() {
    let all = leaves(40);
    let mut other = all.clone();
    other[0] = Digest::ZERO;
    for new in 0..=40 {
        let new_root = tree(&all[..new]).root();
        for old in 0..=new {
            let between = Path::between(old as u64, new as u64).unwrap();
            let found = path(between, &all[..new]);
            let goes = |old_root: &Digest, path: &[Digest]| {
                goes_on((old as u64, old_root), (new as u64, &new_root), path)
            };
            assert!(goes(&tree(&all[..old]).root(), &found), "{old} to {new}");
            if old > 0 {
                assert!(!goes(&tree(&other[..old]).root(), &found), "{old} to {new}");
            }
            let longer = [&found[..], &[Digest::ZERO]].concat();
            assert!(!goes(&tree(&all[..old]).root(), &longer), "{old} to {new}");
        }
    }
    assert!(Path::between(3, 2).is_none());
}

/// A record that lost its beginning: the tree over what is gone is enough.
#[test]
fn a_path_begins_with_what_is_known_of_the_beginning() {
    let all = leaves(50);
    for (first, index, size) in [(1, 1, 2), (7, 7, 50), (13, 40, 50), (32, 33, 47), (49, 49, 50)] {
        let whole = path(Path::of_leaf(index, size).unwrap(), &all[..size as usize]);
        let mut cut = Path::of_leaf(index, size).unwrap();
        assert!(cut.begin_with(&tree(&all[..first])));
        all[first..size as usize].iter().for_each(|leaf| cut.push(*leaf));
        assert_eq!(cut.finish(), Some(whole), "leaf {index} of {size} from {first} on");
    }
    let short = Path::of_leaf(1, 3).unwrap();
    assert_eq!(short.finish(), None, "its leaves never came");
}
