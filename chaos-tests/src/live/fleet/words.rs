//! What the command line's answer means to a client that must know whether something was done.

use crate::invariants::history::Outcome;
use crate::live::process::Reaped;

/// An answer: an outcome, or a code with what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Whether it was done, certainly not done, or nobody knows.
    pub outcome: Outcome<()>,
    /// The code of what was said, e.g. `SP-1514`.
    pub code: Option<String>,
    /// What was said.
    pub said: String,
}

impl Word {
    /// Whether it was refused with a code.
    #[must_use]
    pub fn refused_with(&self, code: &str) -> bool {
        self.outcome == Outcome::Refused && self.code.as_deref() == Some(code)
    }
}

/// Codes after which it may have been done: the outcome is unknown, or the answer did not arrive.
const UNKNOWN: &[&str] = &["SP-1509", "SP-1507"];

/// What an answer means; none when the client was ended before it had one.
#[must_use]
pub fn word(answer: Option<&Reaped>) -> Word {
    let Some(answer) = answer else {
        let said = "no answer in time".to_owned();
        return Word { outcome: Outcome::Unknown, code: None, said };
    };
    let said = answer.said();
    let code = code(&said);
    let outcome = match (answer.status.code(), &code) {
        (Some(0), _) => Outcome::Done(()),
        (Some(_), Some(code)) if !UNKNOWN.contains(&code.as_str()) => Outcome::Refused,
        _ => Outcome::Unknown,
    };
    Word { outcome, code, said }
}

/// The first code in a text.
fn code(text: &str) -> Option<String> {
    let at = text.find("SP-")?;
    let code: String = text[at..].chars().take("SP-0000".len()).collect();
    code[3..].chars().all(|digit| digit.is_ascii_digit()).then_some(code)
}
