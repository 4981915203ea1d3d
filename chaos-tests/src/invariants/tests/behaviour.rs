//! Oracles over time: forbidden things end within T, and all heals.

use std::time::Duration;

use crate::invariants::forbidden_after_t::{self, Allowed, Forbidden};
use crate::invariants::healed::{self, Probe};

const T: Duration = Duration::from_secs(3);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[track_caller]
fn check_forbidden(committed: u64, lifted: Option<u64>, allowed: (&str, u64), late: bool) {
    let forbidden = [Forbidden {
        subject: "person eve".into(),
        committed: at(committed),
        lifted: lifted.map(at),
    }];
    let (subject, when) = allowed;
    let subjects = vec![subject.to_owned(), "target web-1".to_owned()];
    let allowed = [Allowed { what: "a command".into(), subjects, at: at(when) }];
    let found = forbidden_after_t::violations(&forbidden, &allowed, T);
    assert_eq!(!found.is_empty(), late, "{found:?}");
}

#[test]
fn nothing_is_allowed_later_than_t_after_it_was_forbidden() {
    check_forbidden(10, None, ("person eve", 9), false);
    check_forbidden(10, None, ("person eve", 13), false); // within the bound
    check_forbidden(10, None, ("person eve", 14), true);
    check_forbidden(10, None, ("person bob", 14), false);
    check_forbidden(10, Some(14), ("person eve", 14), false); // somebody had asked to lift it
    check_forbidden(10, Some(15), ("person eve", 14), true);
    let forbidden = Forbidden { subject: "target web-1".into(), committed: at(0), lifted: None };
    let allowed = Allowed {
        what: "output".into(),
        subjects: vec!["person bob".into(), "target web-1".into()],
        at: at(4),
    };
    let found = forbidden_after_t::violations(&[forbidden], &[allowed], T);
    assert_eq!(found, ["output was allowed at 4s, 4s after target web-1 was forbidden"]);
}

/// Probes of one part: (invoked, returned, whether it was served), after faults stopped at 100.
#[track_caller]
fn check_healed(probes: &[(u64, u64, bool)], violations: usize) {
    let probe = |(invoked, returned, served): &(u64, u64, bool)| Probe {
        part: "gw-1 writes".into(),
        invoked: at(*invoked),
        returned: at(*returned),
        failed: (!served).then(|| "no majority".to_owned()),
    };
    let probes: Vec<_> = probes.iter().map(probe).collect();
    let found = healed::violations(at(100), &probes, &["gw-1 writes".to_owned()]);
    assert_eq!(found.len(), violations, "{found:?}");
}

#[test]
fn all_heals_within_its_bound() {
    check_healed(&[(100, 101, false), (102, 103, true)], 0);
    check_healed(&[(129, 130, true)], 0);
    check_healed(&[(129, 131, true)], 1); // too late
    check_healed(&[(100, 101, false)], 1);
    check_healed(&[], 1); // never tried
    check_healed(&[(100, 101, true), (120, 121, false)], 0); // it may still stumble
    check_healed(&[(100, 101, true), (131, 132, false)], 1); // and not any more
}
