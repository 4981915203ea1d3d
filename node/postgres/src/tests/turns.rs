//! A client, the gateway's conversation and a database, whatever comes first: each message on its
//! way is a delivery of its own, and a seed says which comes next. Whatever it says, the client
//! hears the same, and nobody waits for ever.

mod scene;

use scene::played;

/// How many orders each conversation is tried in.
const SEEDS: u64 = 300;

/// Plays a conversation in many orders. Of the client, each line is what it sends at once, or after
/// `<` what it waits for before it goes on; expected is all that it hears.
#[track_caller]
fn check(client: &[&str], expected: &str) {
    for seed in 0..SEEDS {
        let heard = played(client, seed);
        assert_eq!(heard, expected, "{client:?}, seed {seed}");
    }
}

#[test]
fn statements_and_pipelines() {
    check(&["Q:select", "< Z", "Q:select", "< Z"], "T D C Z T D C Z");
    check(&["Q:select Q:select Q:select"], "T D C Z T D C Z T D C Z");
    check(&["Q:zero", "< Z", "Q:select"], "E Z T D C Z");
    check(&["P:select B D E S", "< Z", "B D E S"], "1 2 T D C Z 2 T D C Z");
    check(&["P:select B D E S P:select B D E S"], "1 2 T D C Z 1 2 T D C Z");
    // As psycopg does it: each statement is sent by itself, and nothing asks for answers yet.
    let one = "P:select B D E";
    let all = "1 2 T D C 1 2 T D C 1 2 T D C";
    check(&[one, one, one, "S", "< Z"], &format!("{all} Z"));
    check(&[one, one, one, "H", "< C", "S", "< Z"], &format!("{all} Z"));
    check(&[one, "H", "< C", one, "H", "< C", one, "S"], &format!("{all} Z"));
    check(&["P:select", "S", "< Z", "B D E", "B D E", "S"], "1 Z 2 T D C 2 T D C Z");
    // Reading a portal in pieces, and something else in between.
    check(&["P:pieces B E:1 H", "< s", "E:1 H", "< s", "E S"], "1 2 D s D s D C Z");
    check(&["P:pieces B E:1 E:1 E S"], "1 2 D s D s D C Z");
    check(&["P:pieces B E:1 P:select B E S"], "1 2 D s 1 2 D C Z");
}

#[test]
fn errors_in_pipelines() {
    let (one, zero) = ("P:select B D E", "P:zero B D E");
    check(&[zero, "S", "< Z", one, "S"], "1 E Z 1 2 T D C Z");
    check(&[zero, one, "S", "< Z"], "1 E Z");
    check(&[zero, one, "H", "S", "< Z", "Q:select"], "1 E Z T D C Z");
    check(&[one, zero, one, one, "S", one, "S"], "1 2 T D C 1 E Z 1 2 T D C Z");
    check(&["P:wrong", "B D E", "S", "P:late B D", "E H", "< E", one, "S"], "E Z 1 2 T E Z");
    check(&["P:late B E P:late B E S Q:select"], "1 2 E Z T D C Z");
}

#[test]
fn copies() {
    check(&["Q:out", "< Z", "Q:select"], "H d d c C Z T D C Z");
    check(&["P:out B E", "P:select B D E", "S"], "1 2 H d d c C 1 2 T D C Z");
    // Data comes when it is asked for, or right behind.
    check(&["Q:in", "< G", "d d", "d c", "< Z", "Q:select"], "G C Z T D C Z");
    check(&["Q:in d d c Q:select"], "G C Z T D C Z");
    check(&["Q:in", "< G", "d", "f", "< Z"], "G E Z");
    check(&["Q:in", "< G", "d:bad d", "d", "c", "< Z", "Q:select"], "G E Z T D C Z");
    check(&["Q:in d:bad d c Q:select"], "G E Z T D C Z");
    check(&["Q:zero d c Q:select"], "E Z T D C Z");
    check(&["P:in B E d c S Q:select"], "1 2 G C Z T D C Z");
    check(&["P:in B E H", "< G", "d", "c", "S", "< Z"], "1 2 G C Z");
    check(&["P:in B E d:bad d c S Q:select"], "1 2 G E Z T D C Z");
    check(&["P:in B E", "d", "c", "P:select B E S"], "1 2 G C 1 2 D C Z");
    // As libpq does it: the first Sync is among the data.
    check(&["P:in B D E S", "< G", "d", "c S", "< Z", "Q:select"], "1 2 n G C Z T D C Z");
    check(&["P:in B E S", "< G", "d:bad", "d", "c S", "< Z", "Q:select"], "1 2 G E Z T D C Z");
}
