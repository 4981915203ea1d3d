//! Kept inputs, mutated, before both readers of what anybody may send: commands and streams.
//!
//! `make fuzz` runs it for long, `SALLYPORT_FUZZ_RUNS` says how long; cargo-fuzz has the same entry
//! points, in `fuzz/`.

mod runs;

use runs::{Chance, change, corpus, fuzz, shuffled};

use crate::fuzzing;
use crate::fuzzing::MARKER;
use crate::mask::detectors;

/// The longest inputs, in bytes.
const COMMAND_BYTES: usize = 4 * 1024;
const STREAM_BYTES: usize = 1024;
/// How many runs a plain test makes.
const COMMANDS: u64 = 2_000;
const STREAMS: u64 = 1_000;

/// What means something to shells.
const WORDS: &[&str] = &[
    "'",
    "\"",
    "\\",
    "\\\n",
    "`",
    "$(",
    "${",
    "${x:-",
    "$((",
    "((",
    "(",
    ")",
    "))",
    "{ ",
    " }",
    "{",
    "}",
    "[[ ",
    " ]]",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    "\n",
    " ",
    "\t",
    "<",
    ">",
    "<<",
    "<<-",
    "<<E\n",
    "\nE\n",
    "<<<",
    "<(",
    ">(",
    "&>",
    "$'",
    "$\"",
    "#",
    " #",
    "!",
    "*",
    "?",
    "~",
    "=",
    "x=",
    "x=(",
    "x",
    "$x",
    "\"$x\"",
    "env",
    "sh -c ",
    "if ",
    "then ",
    "else ",
    "elif ",
    "fi",
    "case x in ",
    "esac",
    ";;",
    ";&",
    "for x in ",
    "for ((",
    "do ",
    "done",
    "while ",
    "until ",
    "function ",
    "f() ",
    "select ",
    "coproc ",
    "time ",
    "eval ",
    "exec ",
    "sudo ",
    "sudo -u root ",
    "env -i ",
    "xargs ",
    "xargs -I{} ",
    "find . -exec ",
    "nohup ",
    "timeout 5 ",
    "ssh h ",
    "python3 -c ",
    "sed -e ",
    "awk ",
    "trap ",
    "alias ",
    "source ",
    ". ",
    "read ",
    "printf -v ",
    "declare ",
    "export ",
    "test ",
    "[ ",
    " ]",
    "-eq ",
    "-v ",
    "2>&1",
    ">&2",
    ">/dev/null",
    "{fd}>",
    "1",
    "99999999999999999999",
    "0x",
    "\u{e9}",
    "\u{a0}",
    "\u{3000}",
    "..",
    ",",
    "{a,b}",
    "{1..9}",
    "PATH=",
    "IFS=",
    "LD_PRELOAD=",
    "git -c ",
    MARKER,
];

/// What begins secrets, ends them, and stands between.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "\r\n",
    "\"",
    "'",
    "\\",
    ",",
    ";",
    ".",
    ":",
    "=",
    "@",
    "/",
    "-",
    "--",
    "*",
    "://u:",
    "password",
    "password=",
    "Password: ",
    "token: \"",
    "\\\"secret\\\":\\\"",
    "api_key=",
    "PWD=",
    "Authorization: Bearer ",
    "eyJ",
    ".eyJ",
    "ghp_",
    "AKIA",
    "glpat-",
    "sk_live_",
    "xoxb-",
    "hvs.",
    "-----BEGIN ",
    "PRIVATE KEY-----\n",
    "-----END ",
    "EMP-",
    "EMP-123456",
    "Ann Archer",
    "ann ",
    "correct ",
    "horse battery",
    "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
    "636f727265637420",
    "correct%20horse",
    "ann@example.org",
    "10.0.0.1",
    "fe80::1",
    "00:1a:2b:3c:4d:5e",
    "4111 1111 1111 1111",
    "+44 20 7946 0018",
    "536-22-1234",
    "GB82 WEST 1234 5698 7654 32",
    "machine a login b password ",
    "db:5432:*:ann:",
    "apiVersion: v1\nkind: Secret\ndata:\n  a: ",
    "{\"kind\":\"Secret\",\"data\":{\"a\":\"",
    "Set-Cookie: sessionid=",
    "curl -u ann:",
    "--password ",
    "null",
    "${X}",
    "<x>",
    "\u{e9}",
    "\u{20ac}",
    "\x1b[m",
    "\x1b[1;31m",
    "\x1b[K",
    "\x1b[2;1H",
    "\x1b]0;",
    "\x07",
    "\x1b",
    "\x1b[",
    " \r",
    "\x08",
    "\x1b[4;1H",
];

fn bytes_of<'a>(texts: &[&'a str]) -> Vec<&'a [u8]> {
    texts.iter().map(|text| text.as_bytes()).collect()
}

/// Lines, each with its end.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Lines of kept inputs, mutated.
fn mutated(inputs: &[Vec<Vec<u8>>], words: &[&[u8]], most: usize, chance: &mut Chance) -> Vec<u8> {
    let mut input = shuffled(inputs, chance).concat();
    // One place, so that short inputs stay what they are about.
    let from = chance.below(input.len().saturating_sub(most) + 1);
    input.drain(..from);
    input.truncate(1 + chance.below(most));
    for _ in 0..chance.below(8) {
        change(&mut input, words, chance);
    }
    input
}

/// Many programs in a group with a long name of a file: more than any limit allows.
fn crowd(chance: &mut Chance) -> Vec<u8> {
    let programs = "ls;".repeat(chance.below(5_000));
    format!("{{ {programs} }} >{}", "a".repeat(chance.below(50_000))).into_bytes()
}

#[test]
fn commands() {
    let inputs: Vec<_> = corpus("shell").iter().map(|bytes| lines(bytes)).collect();
    inputs.iter().for_each(|input| input.iter().for_each(|line| fuzzing::shell(line)));
    inputs.iter().for_each(|input| fuzzing::shell(&input.concat()));
    let words = bytes_of(WORDS);
    fuzz("shell", COMMANDS, fuzzing::shell, |chance| {
        if chance.below(512) == 0 {
            return crowd(chance);
        }
        let input = mutated(&inputs, &words, COMMAND_BYTES, chance);
        // What is no text is read no further, so it is rare.
        let is_text = chance.below(32) > 0;
        if is_text { String::from_utf8_lossy(&input).replace('\0', "").into_bytes() } else { input }
    });
}

#[test]
fn streams() {
    let inputs: Vec<_> = corpus("mask").iter().map(|bytes| lines(bytes)).collect();
    // Examples are not kept in files: they are put together when somebody asks.
    let examples = detectors().iter().flat_map(|info| info.examples());
    let examples: Vec<_> = examples.map(|example| example.text).collect();
    let mut words = bytes_of(PIECES);
    words.extend(examples.iter().map(|text| text.as_bytes()));
    for input in &inputs {
        fuzzing::mask(&[&[0, 7, 9], &input.concat()[..]].concat());
    }
    fuzz("mask", STREAMS, fuzzing::mask, |chance| {
        let mut input = mutated(&inputs, &words, STREAM_BYTES, chance);
        let choices = [chance.byte(), chance.byte(), chance.byte()];
        drop(input.splice(..0, choices));
        input
    });
}
