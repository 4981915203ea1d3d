//! The grammar of a list of tokens, by brush-parser.
//!
//! It is given stand-ins, never the command's own words: it sees which words are reserved or
//! assign, and nothing else. The place of a token is put where the parser keeps source positions,
//! so that the tree leads back to the words. Depth is bounded before, because the parser recurses.
//!
//! So the tree follows from the kinds of the tokens alone, their [`Shape`], and trees of short
//! shapes are kept: most commands are spelled anew, and few are shaped anew.

mod shape;

use std::sync::Arc;

use brush_parser::ast::Program;
use brush_parser::{ParserOptions, SourcePosition, SourceSpan};
use shape::Shape;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use shape::forget;

use super::GROUP_LIMIT;
use super::lex::{NotRead, TOO_DEEP, Token};
use super::word::Word;

/// Words that mean something to the grammar when they are not quoted.
pub(super) const RESERVED: [&str; 21] = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then",
    "until", "while", "[[", "]]", "function", "time", "coproc",
];
const OPENING: [&str; 9] = ["{", "case", "for", "if", "until", "while", "[[", "function", "coproc"];
const CLOSING: [&str; 4] = ["}", "esac", "fi", "done"];
/// Words of the language inside of `[[ … ]]`.
const TESTING: [&str; 38] = [
    "=", "==", "!=", "=~", "-p", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-ef", "-nt", "-ot",
    "-a", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-k", "-n", "-o", "-r", "-s", "-t", "-u", "-v",
    "-w", "-x", "-z", "-G", "-L", "-N", "-O", "-S",
];

/// The tree of the tokens; positions in it are places in `tokens`.
pub(super) fn parse(tokens: &[Token]) -> Result<Arc<Program>, NotRead> {
    let shape = Shape::of(tokens);
    if let Some(known) = shape.as_ref().and_then(Shape::known) {
        return Ok(known);
    }
    let parsed = Arc::new(parse_anew(tokens)?);
    if let Some(shape) = shape {
        shape.keep(parsed.clone());
    }
    Ok(parsed)
}

fn parse_anew(tokens: &[Token]) -> Result<Program, NotRead> {
    bounded(tokens)?;
    let mut stand_ins = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &tokens[before]);
        match token {
            // The parser takes `( (` for arithmetic, which only `((` is; that is a word here.
            Token::Operator("(") if matches!(before, Some(Token::Operator("("))) => {
                stand_ins.push(operator("\n", place));
                stand_ins.push(operator("(", place));
            }
            Token::Operator(name) => stand_ins.push(operator(name, place)),
            Token::Word(word) => {
                // Without it the parser reads the last part of a nested case again and again.
                if word.raw == "esac" && before.is_some_and(ends_a_case) {
                    stand_ins.push(operator(";;", place));
                }
                let text = stand_in(word).to_owned();
                stand_ins.push(brush_parser::Token::Word(text, span(place)));
            }
        }
    }
    brush_parser::parse_tokens(&stand_ins, &ParserOptions::default())
        .map_err(|_| NotRead("it is not a command that a shell takes"))
}

/// What stands for a word that means nothing to the grammar.
const ANY: &str = "w";
/// What stands for a word that assigns.
const ASSIGNING: &str = "v=1";

/// The words of the language as numbers: this is asked of every word.
const RESERVED_NUMBERS: [u64; RESERVED.len()] = numbers(&RESERVED);
const TESTING_NUMBERS: [u64; TESTING.len()] = numbers(&TESTING);

const fn numbers<const COUNT: usize>(names: &[&str; COUNT]) -> [u64; COUNT] {
    let mut numbers = [0; COUNT];
    let mut at = 0;
    while at < COUNT {
        numbers[at] = number(names[at]).expect("no word of the language has more than 8 bytes");
        at += 1;
    }
    numbers
}

/// A text of at most eight bytes as a number; no other text without a NUL has the same.
const fn number(text: &str) -> Option<u64> {
    let (bytes, mut number, mut at) = (text.as_bytes(), 0, 0);
    if bytes.len() > size_of::<u64>() {
        return None;
    }
    while at < bytes.len() {
        number = number << 8 | bytes[at] as u64;
        at += 1;
    }
    Some(number)
}

fn stand_in(word: &Word) -> &'static str {
    if word.assigns.is_some() {
        return ASSIGNING;
    }
    let Some(number) = number(&word.raw) else { return ANY };
    let place = |numbers: &[u64]| numbers.iter().position(|known| *known == number);
    if let Some(at) = place(&RESERVED_NUMBERS) {
        return RESERVED[at];
    }
    place(&TESTING_NUMBERS).map_or(ANY, |at| TESTING[at])
}

fn operator(name: &str, place: usize) -> brush_parser::Token {
    brush_parser::Token::Operator(name.to_owned(), span(place))
}

fn span(place: usize) -> SourceSpan {
    let position = |index| Arc::new(SourcePosition { index, line: 1, column: 1 });
    SourceSpan { start: position(place), end: position(place) }
}

fn ends_a_case(before: &Token) -> bool {
    match before {
        Token::Operator(name) => matches!(*name, ";" | "&" | "\n" | ")"),
        Token::Word(word) => CLOSING.contains(&word.raw.as_str()),
    }
}

/// Refuses what would make the parser recurse too deep: an upper bound of the depth is counted.
/// The patterns of a case close parentheses that were never opened, so behind one none counts as
/// closed. Inside of `[[ ]]` each `!` recurses; no `;` stands in there, and a row of `!` ends where
/// no parenthesis is open.
fn bounded(tokens: &[Token]) -> Result<(), NotRead> {
    let (mut groups, mut open, mut in_case, mut starts) = (0_usize, 0_usize, false, true);
    let mut negations = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Operator("(") => open += 1,
            Token::Operator(")") if in_case => {}
            Token::Operator(")") => {
                open = open.checked_sub(1).ok_or(NotRead("a parenthesis closes nothing"))?;
            }
            Token::Operator(_) => {}
            Token::Word(word) => {
                let name = word.raw.as_str();
                let pattern = matches!(tokens.get(place + 1), Some(Token::Operator(")" | "|")));
                in_case |= name == "case";
                if OPENING.contains(&name) {
                    groups += 1;
                } else if starts && !pattern && CLOSING.contains(&name) {
                    groups = groups.saturating_sub(1);
                }
            }
        }
        match token {
            Token::Word(word) if word.raw == "!" => negations += 1,
            Token::Operator(";" | "&" | ";;") => negations = 0,
            _ if open == 0 => negations = 0,
            _ => {}
        }
        if groups + open + negations > GROUP_LIMIT {
            return Err(TOO_DEEP);
        }
        starts = match token {
            Token::Operator(_) => true,
            Token::Word(word) => CLOSING.contains(&word.raw.as_str()),
        };
    }
    if open > 0 && !in_case { Err(NotRead("a parenthesis is not closed")) } else { Ok(()) }
}
