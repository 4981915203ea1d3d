//! How many strangers may knock at once.

use crate::sources::{Full, Source, SourceLimits, Sources, Stranger};

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

const LIMITS: SourceLimits = SourceLimits {
    connections: 8,
    crowd: 4,
    crowd_percent: 30,
    strangers: 6,
    strangers_per_source: 3,
};

/// Plays a script: `+a` enters from source a, `*a` logs in from there (who came last), `-` leaves.
/// An upper-case letter behind `+a` is why it is turned away, a lower-case one whose place it
/// takes. Each step draws `random`. Gives the counts at the end.
#[track_caller]
fn play(script: &str, random: u64) -> (usize, usize) {
    let mut sources = Sources::default();
    let mut inside: Vec<(char, Stranger)> = Vec::new();
    for step in script.split(' ') {
        let mut letters = step.chars();
        let (what, at) = (letters.next(), letters.next().unwrap_or('a'));
        let from = source(&format!("192.0.2.{}", u32::from(at) % 256));
        match what {
            Some('+') => {
                let said = match sources.enter(from, &LIMITS, random) {
                    Ok(entered) => {
                        let goes = entered.instead_of.map(|goes| {
                            let of = inside.iter().position(|(_, one)| *one == goes);
                            inside.remove(of.expect("somebody inside goes")).0
                        });
                        inside.push((at, entered.stranger));
                        goes
                    }
                    Err(Full::Connections) => Some('C'),
                    Err(Full::Strangers) => Some('S'),
                    Err(Full::Source) => Some('P'),
                };
                assert_eq!(said, letters.next(), "{step} in {script}");
            }
            Some('*') => {
                let of = inside.iter().rposition(|(of, _)| *of == at).expect("a stranger");
                let (_, stranger) = inside.remove(of);
                assert!(sources.known(from, stranger), "{step} in {script}");
                assert!(!sources.known(from, stranger), "once: {step} in {script}");
            }
            _ => sources.leave(),
        }
    }
    sources.counts()
}

#[test]
fn connections_are_counted_in_all_and_by_source() {
    #[track_caller]
    fn check(script: &str, expected: (usize, usize)) {
        // 99 is drawn, so nobody goes before there are as many strangers as there may be.
        assert_eq!(play(script, 99), expected, "{script}");
    }
    check("+a +b", (2, 2));
    check("+a +a +a +aP +b +c", (5, 5));
    check("+a +a +a *a +a +aP", (4, 3));
    check("+a *a +a *a +a *a +a *a +b *b +b *b +b *b +c *c +cC", (8, 0));
    check("+a *a - +a *a - +a *a -", (0, 0));
    check("+a +a *a *a - - +a +a +a +aP", (3, 3));
}

/// Somebody of those who are most goes for whoever comes, and never one who came alone beside them.
#[test]
fn in_a_crowd_one_of_the_most_has_to_go() {
    #[track_caller]
    fn check(script: &str, percent: u64, pick: u64) {
        play(script, percent + 100 * pick);
    }
    // Up to four nobody has to go; from then on 30 of a hundred, then 65, and at six everybody.
    check("+a +a +a +b +c", 30, 0);
    check("+a +a +a +b +ca", 29, 0);
    check("+a +a +a +b +c +d", 65, 0);
    check("+a +a +a +b +ca +da", 29, 7);
    check("+a +a +a +b +c +d +ea +fa", 99, 0);
    check("+a +a +a +b +c +d +ea", 99, 2);
    // Whoever is among the most gets nobody's place.
    check("+a +a +b +b +c +c +aS +bS", 99, 0);
    check("+a +a +a +b +b +b +aP +bP", 99, 0);
}

#[test]
fn every_stranger_of_the_most_may_be_the_one() {
    let mut went = std::collections::BTreeSet::new();
    for random in 0..40 {
        let mut sources = Sources::default();
        let enter =
            |sources: &mut Sources, from| sources.enter(source(from), &LIMITS, random * 100 + 99);
        for from in ["192.0.2.1", "192.0.2.2"] {
            for _ in 0..3 {
                enter(&mut sources, from).expect("there is room");
            }
        }
        let entered = enter(&mut sources, "192.0.2.3").expect("somebody goes");
        went.insert(format!("{:?}", entered.instead_of.expect("somebody goes")));
    }
    assert_eq!(went.len(), 6, "{went:?}");
}
