//! What the grammar sees of a list of tokens, and the trees of lists that were seen before.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use brush_parser::ast::Program;

use super::super::lex::Token;
use super::stand_in;

/// How many tokens a list has at most whose tree is kept.
const TOKENS_LIMIT: usize = 64;
/// How many trees are kept; when there are more, it begins anew.
const TREES_LIMIT: usize = 512;

/// The trees of lists that were seen before. Nothing of a command's own words is in them.
static TREES: LazyLock<Mutex<HashMap<Shape, Arc<Program>>>> = LazyLock::new(Mutex::default);

/// The tokens of a list as the grammar sees them: each operator and each stand-in, behind a byte
/// that tells one from the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape(Box<str>);

impl Shape {
    /// The shape of a list; absent when it is long.
    pub(super) fn of(tokens: &[Token]) -> Option<Self> {
        if tokens.len() > TOKENS_LIMIT {
            return None;
        }
        let mut shape = String::with_capacity(4 * tokens.len());
        for token in tokens {
            let (mark, text) = match token {
                Token::Operator(name) => ('\0', *name),
                Token::Word(word) => ('\u{1}', stand_in(word)),
            };
            shape.push(mark);
            shape.push_str(text);
        }
        Some(Self(shape.into()))
    }

    /// The tree of a list of this shape, when there was one before.
    pub(super) fn known(&self) -> Option<Arc<Program>> {
        TREES.lock().unwrap_or_else(PoisonError::into_inner).get(self).cloned()
    }

    /// Keeps the tree of lists of this shape.
    pub(super) fn keep(self, tree: Arc<Program>) {
        let mut trees = TREES.lock().unwrap_or_else(PoisonError::into_inner);
        if trees.len() >= TREES_LIMIT {
            trees.clear();
        }
        trees.insert(self, tree);
    }
}

/// Forgets all trees: what is read next is read as if it were the first.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn forget() {
    TREES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

#[cfg(test)]
mod tests {
    use super::super::super::lex::tokens;
    use super::super::{parse, parse_anew};
    use super::*;

    fn list(text: &str) -> Vec<Token> {
        tokens(text, 0, &mut 4096).expect("tokens").list
    }

    /// Two texts, and whether the grammar sees the same in both.
    #[test]
    fn a_shape_is_what_the_grammar_sees() {
        #[track_caller]
        fn check(one: &str, other: &str, same: bool) {
            assert_eq!(Shape::of(&list(one)) == Shape::of(&list(other)), same, "{one} | {other}");
        }
        check("ls -l /tmp", "cat a b", true);
        check("ls | wc x", "ps | head 3", true);
        check("ls; pwd", "ls & pwd", false);
        check("ls -l", "ls -l x", false);
        check("x=1 env", "env x", false);
        check("if a; then b; fi", "if c; then d; fi", true);
        check("if a; then b; fi", "is a; then b; fi", false);
        check("'if' a", "ls a", true);
        check("[[ -f a ]]", "[[ -d a ]]", false);
        // An operator is not a word that is spelled like it.
        check("a '|' b", "a | b", false);
        check("! a", "'!' a", false);
    }

    /// A tree that was kept is the one that the parser gives, for every command of the tables.
    #[test]
    fn kept_trees_are_the_parsers() {
        let mut checked = 0;
        for file in ["readable.txt", "unreadable.txt"] {
            let path = format!("{}/cases/shell/{file}", env!("CARGO_MANIFEST_DIR"));
            for line in std::fs::read_to_string(path).expect("a table of cases").lines() {
                let text = line.rsplit_once(" =>").map_or(line, |(text, _)| text);
                let Ok(read) = tokens(&text.replace('⏎', "\n"), 0, &mut 4096) else { continue };
                let anew = parse_anew(&read.list).map(|tree| format!("{tree:?}"));
                for _ in 0..2 {
                    let kept = parse(&read.list).map(|tree| format!("{tree:?}"));
                    assert_eq!(kept, anew, "{text}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn trees_are_few_and_short() {
        for count in 0..2 * TREES_LIMIT {
            let text = format!(
                "ls {}",
                (0..9).map(|bit| [" ; a", " x"][count >> bit & 1]).collect::<String>()
            );
            parse(&list(&text)).expect("a tree");
            assert!(TREES.lock().unwrap_or_else(PoisonError::into_inner).len() <= TREES_LIMIT);
        }
        assert!(Shape::of(&list(&"a ".repeat(TOKENS_LIMIT + 1))).is_none());
    }
}
