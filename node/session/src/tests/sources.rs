//! How many strangers may knock at once.

use crate::sources::{Full, Source, SourceLimits, Sources};

fn source(address: &str) -> Source {
    Source::of(address.parse().expect("an address"))
}

#[test]
fn a_source_is_what_one_person_can_choose() {
    #[track_caller]
    fn check(one: &str, other: &str, same: bool) {
        assert_eq!(source(one) == source(other), same, "{one} {other}");
    }
    check("192.0.2.1", "192.0.2.1", true);
    check("192.0.2.1", "192.0.2.2", false);
    check("192.0.2.1", "::ffff:192.0.2.1", true);
    check("2001:db8::1", "2001:db8::ffff:2", true);
    check("2001:db8:0:1::1", "2001:db8:0:2::1", false);
}

/// `+a` enters from source a, `*a` logs in from there, `-` leaves; an upper-case letter after the
/// step is why it is turned away.
#[test]
fn connections_are_counted_in_all_and_by_source() {
    #[track_caller]
    fn check(script: &str, expected: (usize, usize)) {
        let limits = SourceLimits { connections: 4, strangers: 3, strangers_per_source: 2 };
        let mut sources = Sources::default();
        for step in script.split(' ') {
            let mut letters = step.chars();
            let (what, at) = (letters.next(), letters.next().unwrap_or('a'));
            let source = source(&format!("192.0.2.{}", u32::from(at) % 256));
            match what {
                Some('+') => {
                    let full = match sources.enter(source, &limits) {
                        Ok(()) => None,
                        Err(Full::Connections) => Some('C'),
                        Err(Full::Strangers) => Some('S'),
                        Err(Full::Source) => Some('P'),
                    };
                    assert_eq!(full, letters.next(), "{step} in {script}");
                }
                Some('*') => sources.known(source),
                _ => sources.leave(),
            }
        }
        assert_eq!(sources.counts(), expected, "{script}");
    }
    check("+a +b", (2, 2));
    check("+a +a +aP +b +cS", (3, 3));
    check("+a +a *a +a +aP", (3, 2));
    check("+a *a +b *b +c *c +d *d +eC", (4, 0));
    check("+a *a +b *b +c *c +d *d - +e", (4, 1));
    check("+a *a - +a *a - +a *a -", (0, 0));
    check("+a +a *a *a - - +a +a +aP", (2, 2));
}
