//! What a labelled corpus says of masking: in bytes, by label and by detector.

use std::sync::Arc;

use node_enforce::mask::{MaskKey, MaskPlan, Raw, mask_text};

use crate::corpus::{Label, Measured, Measures, labels};

fn label(line: usize, value: &str, label: &str) -> Label {
    Label { path: "a".to_owned(), line, value: value.to_owned(), label: label.to_owned() }
}

fn measured(text: &str, labels: &[Label]) -> Measures {
    let plan = MaskPlan::compile(&[], &[], MaskKey::new([0; 32])).expect("the defaults compile");
    let (_, findings) = mask_text(&Arc::new(plan), Raw::new(text.as_bytes()));
    let mut measures = Measures::default();
    let labels: Vec<&Label> = labels.iter().collect();
    measures.take(text.as_bytes(), &labels, &findings).ok().expect("the labels are in the text");
    measures
}

#[test]
fn bytes_that_leak_and_bytes_that_are_taken_beside() {
    let text = "a line\npassword=hunter2 and token=abcdefg1\nthe code is 4711\n";
    let measures = measured(text, &[label(2, "hunter2", "password"), label(3, "4711", "pin")]);
    assert_eq!(measures.bytes, text.len() as u64);
    let of = |name: &str| measures.by_name[name];
    assert_eq!(of("password"), Measured { values: 1, hidden: 1, ..Measured::default() });
    assert_eq!(of("pin"), Measured { values: 1, leaked: 4, ..Measured::default() });
    assert_eq!(of("key-value"), Measured { over_masked: 8, ..Measured::default() });
    let all = Measured { values: 2, hidden: 1, leaked: 4, over_masked: 8 };
    assert_eq!(measures.all(), all);
}

#[test]
fn a_public_prefix_is_no_leak() {
    let token = format!("ghp_{}", "aB3dE6gH9".repeat(4));
    let measures = measured(&format!("x {token} y"), &[label(1, &token, "github-token")]);
    assert_eq!(measures.all(), Measured { values: 1, hidden: 1, ..Measured::default() });
}

#[test]
fn labels_are_csv() {
    let read = labels("label,path,line,value\r\npin,a/b,3,\"x,\"\"y\"\n\n,plain.log,,\n");
    let expected = [
        Label { path: "a/b".into(), line: 3, value: "x,\"y".into(), label: "pin".into() },
        Label { path: "plain.log".into(), line: 0, value: String::new(), label: String::new() },
    ];
    assert!(read == Ok(expected.to_vec()));
    assert!(labels("path,line,label\n") == Err((1, "there is no column \"value\"".to_owned())));
    let wrong = labels("path,line,value,label\na,b,c,d\n");
    assert!(wrong == Err((2, "\"b\" is no line".to_owned())));
}
