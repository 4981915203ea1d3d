//! Addresses of machines.

use super::Written;
use crate::mask::plan::Class;

pub(super) static WRITTEN: &[Written] = &[Written {
    name: "mac-address",
    class: Class::Network,
    only_by_name: false,
    description: "MAC addresses: with colons, dashes, or dots",
    forms: &["HH:HH:HH:HH:HH:HH", "HH-HH-HH-HH-HH-HH", "HHHH.HHHH.HHHH"],
    // What everybody is sent, and what is none.
    holds: |digits| !digits.iter().all(|digit| *digit == b'0' || digit.eq_ignore_ascii_case(&b'f')),
    examples: &["ether «00:1a:2b:3c:4d:5e» txqueuelen", "«001A.2B3C.4D5E»"],
    others: &["ff:ff:ff:ff:ff:ff", "00:1a:2b:3c:4d:5e:6f", "12:30:45"],
}];
