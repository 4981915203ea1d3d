//! Names as tokens of subjects.

use proto::ids::Chain;

use super::world::name;
use crate::subject::{record_subject, token};

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(token(text), expected);
}

#[test]
fn a_plain_name_is_itself_and_no_two_names_are_one_token() {
    check("gw-1", "gw-1");
    check("a_b-0", "a_b-0");
    check("gw.1", "xm53s4mi");
    check("GW-1", "xi5ls2mi");
    check("xray", "xpbzgc6i");
    check("", "-");
    check("-", "xfu");
    check("a>b*c d", "xme7gektdebsa");
    check("žluť", "xyw7gy5ofuu");
    let long = "a".repeat(65);
    assert!(token(&long).starts_with('x') && token(&"a".repeat(64)).starts_with('a'));
    assert_eq!(record_subject(&name("c"), &Chain::Control), "sallyport.record.c.control");
    let node = Chain::Node(name("Gw.1"));
    assert_eq!(record_subject(&name("c"), &node), "sallyport.record.c.xi53s4mi");
}
