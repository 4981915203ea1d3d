//! Each code has one page, and each page a code.

use std::collections::BTreeSet;

use super::files::{names, path};
use crate::refusal::Code;

/// Lines that a page may have, its title and blank lines too.
const PAGE_LINES: std::ops::RangeInclusive<usize> = 6..=14;

#[test]
fn numbers_are_unique_and_ascend() {
    let numbers: Vec<_> = Code::ALL.iter().map(|code| code.number()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(numbers.iter().all(|number| (1000..=9999).contains(number)));
}

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names("refusals", ".md"), codes, "pages on the left, codes on the right");
}

#[test]
fn pages_say_what_happened_and_who_can_mend_it() {
    for code in Code::ALL {
        let page = std::fs::read_to_string(path(&format!("refusals/{code}.md"))).unwrap();
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0], format!("# {code}: {}", code.title()));
        assert!(PAGE_LINES.contains(&lines.len()), "{code} has {} lines", lines.len());
        for begins in ["**What happened.** ", "**Who can mend it.** "] {
            let count = lines.iter().filter(|line| line.starts_with(begins)).count();
            assert_eq!(count, 1, "{code} says {begins:?} {count} times");
        }
        assert!(lines.iter().all(|line| line.len() <= 240), "{code} has a long line");
        assert!(page.contains('`'), "{code} names no command and no file");
    }
}
