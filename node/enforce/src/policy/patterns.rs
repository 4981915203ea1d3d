//! Detectors of one's own: what cannot be run in linear time and bounded memory, or does not do
//! what its own examples say, must not come into force.

use std::sync::Arc;

use super::check::Checker;
use super::places::{At, Place};
use super::{compile, raw};
use crate::mask::{Detect, WordError, WordList, check_pattern};

/// A detector's expression, or its words as one.
enum Own {
    Expression(regex::bytes::Regex),
    Words(Arc<WordList>),
}

impl Own {
    fn finds(&self, text: &str) -> bool {
        match self {
            Self::Expression(expression) => {
                text.lines().any(|line| expression.is_match(line.as_bytes()))
            }
            Self::Words(words) => words.is_in(text),
        }
    }
}

impl Checker<'_> {
    /// A detector of one's own; the mask's place is where it has none.
    pub(super) fn own_detector(&mut self, raw: &raw::Pattern, place: Place) -> Option<Detect> {
        let (own, detect) = match (&raw.regex, raw.words.is_empty()) {
            (Some(regex), true) => {
                let expression = self.own_expression(regex)?;
                (Own::Expression(expression), Detect::Pattern(regex.value.clone()))
            }
            (None, false) => {
                let words = self.own_words(&raw.words, raw.ignore_case)?;
                (Own::Words(Arc::clone(&words)), Detect::Words(words))
            }
            _ => {
                self.error(place, "a detector of your own has either `regex` or `words`");
                return None;
            }
        };
        for text in raw.examples.iter().filter(|text| !own.finds(&text.value)) {
            self.error(text.place, "nothing is found in this example");
        }
        for text in raw.counter_examples.iter().filter(|text| own.finds(&text.value)) {
            self.error(text.place, "something is found in this counter-example");
        }
        Some(detect)
    }

    fn own_expression(&mut self, regex: &At<String>) -> Option<regex::bytes::Regex> {
        let expression = compile::expression(regex, self)?;
        if expression.is_match(b"") {
            self.error(regex.place, "the expression matches the empty text");
        } else if let Err(reason) = check_pattern(&regex.value) {
            self.error(regex.place, format!("not an expression for a mask: {reason}"));
        }
        Some(expression)
    }

    fn own_words(&mut self, words: &[At<String>], ignore_case: bool) -> Option<Arc<WordList>> {
        let texts = words.iter().map(|word| word.value.clone()).collect();
        let compiled = WordList::compile(texts, ignore_case);
        let wrong = |error: &WordError| match error {
            WordError::Length(at) | WordError::Control(at) => words.get(*at),
            WordError::Count(_) | WordError::Memory(_) => words.first(),
        };
        compiled
            .inspect_err(|error| {
                let place = wrong(error).map(|word| word.place).unwrap_or_default();
                self.error(place, error.to_string());
            })
            .map(Arc::new)
            .ok()
    }
}
