//! Which line a key would submit, from what is typed and what is shown.

use std::time::Duration;

use node_enforce::terminal::{Doubt, Seen};

use super::line::Line;
use super::screen::ShownLine;

/// How long the target may take to show what was typed.
const ECHO_WAIT: Duration = Duration::from_millis(50);
/// How long it may take where nothing at all is shown: a shell on a busy machine is between the
/// end of one line and its next prompt.
pub(super) const PROMPT_WAIT: Duration = Duration::from_millis(500);
/// What bash shows before the pattern and before the line when history is searched.
const SEARCH: (&str, &str) = ("i-search)`", "': ");

/// What is seen now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// As it is judged.
    pub(super) bytes: Vec<u8>,
    /// How long after the last key it is worth waiting for something surer.
    pub(super) wait: Duration,
    /// A prompt, as this line shows that it is one.
    pub(super) prompt: Option<String>,
}

impl Look {
    fn sure(seen: Seen<'_>) -> Self {
        Self { bytes: seen.encode(), wait: Duration::ZERO, prompt: None }
    }

    fn unsure(seen: Seen<'_>, wait: Duration) -> Self {
        Self { wait, ..Self::sure(seen) }
    }
}

/// Looks at the line that the cursor is in. `prompt` is the last one that was learnt.
pub(super) fn look(line: &Line, shown: &ShownLine, prompt: Option<&str>) -> Look {
    match line.text() {
        Some(typed) => certain(line, typed, shown, prompt),
        None => uncertain(line, shown, prompt),
    }
}

/// The keys say what the line is: the screen must say the same.
fn certain(line: &Line, typed: &[u8], shown: &ShownLine, prompt: Option<&str>) -> Look {
    let behind = prompt.and_then(|prompt| behind(&shown.text, prompt));
    let text = std::str::from_utf8(typed).map(str::trim_end);
    let Ok(text) = text else { return unconfirmed(line, typed, shown, behind) };
    if text.is_empty() {
        // A shell may have put something there by itself.
        return Look::sure(Seen::Line(behind.unwrap_or_default().as_bytes()));
    }
    let on_screen = shown.text.trim_end();
    if let Some(before) = on_screen.strip_suffix(text) {
        return match behind {
            Some(more) if more.trim_end() != text => {
                Look::sure(Seen::Unclear(&both(more, typed), Doubt::Differs))
            }
            _ => {
                let prompt = (!before.trim().is_empty()).then(|| before.to_owned());
                Look { prompt, ..Look::sure(Seen::Line(typed)) }
            }
        };
    }
    if shown.cut && !on_screen.is_empty() && text.ends_with(on_screen) {
        return Look::sure(Seen::Line(typed));
    }
    unconfirmed(line, typed, shown, behind)
}

/// The screen does not say what the keys say. What is typed behind a shell's prompt is judged as
/// well; elsewhere it may be a password, and is neither judged nor kept.
fn unconfirmed(line: &Line, typed: &[u8], shown: &ShownLine, behind: Option<&str>) -> Look {
    let doubt = if line.answered { Doubt::Differs } else { Doubt::Unanswered };
    let on_screen = shown.text.trim_end();
    let wait = if on_screen.is_empty() { PROMPT_WAIT } else { ECHO_WAIT };
    match behind {
        Some(more) => Look::unsure(Seen::Unclear(&both(more, typed), doubt), ECHO_WAIT),
        None if !line.answered => Look::unsure(Seen::EchoOff, wait),
        None => Look::unsure(Seen::Unclear(on_screen.as_bytes(), Doubt::Differs), wait),
    }
}

/// Only the screen says what the line is.
fn uncertain(line: &Line, shown: &ShownLine, prompt: Option<&str>) -> Look {
    let begun = line.begun_behind.as_deref().filter(|begun| !begun.trim().is_empty());
    let at_prompt = prompt.and_then(|prompt| behind(&shown.text, prompt));
    let text = searched(&shown.text)
        .or(at_prompt)
        .or_else(|| begun.and_then(|begun| behind(&shown.text, begun)));
    let seen = match text {
        Some(text) if line.answered => Seen::Line(text.trim_end().as_bytes()),
        Some(text) if at_prompt.is_some() => {
            Seen::Unclear(text.trim_end().as_bytes(), Doubt::Unanswered)
        }
        _ if !line.answered => Seen::EchoOff,
        _ => {
            let doubt = if shown.cut { Doubt::TooLong } else { Doubt::NoPrompt };
            Seen::Unclear(shown.text.trim_end().as_bytes(), doubt)
        }
    };
    Look::unsure(seen, ECHO_WAIT)
}

/// What stands behind a prompt; of one that stands there alone, its last space may be missing.
fn behind<'a>(shown: &'a str, prompt: &str) -> Option<&'a str> {
    let alone = shown.trim_end() == prompt.trim_end();
    shown.strip_prefix(prompt).or(alone.then_some(""))
}

/// The line that a search through history has found.
fn searched(shown: &str) -> Option<&str> {
    let (_, pattern) = shown.split_once(SEARCH.0)?;
    pattern.split_once(SEARCH.1).map(|(_, found)| found)
}

fn both(shown: &str, typed: &[u8]) -> Vec<u8> {
    match shown.trim_end() {
        "" => typed.to_vec(),
        shown => [shown.as_bytes(), b"\n", typed].concat(),
    }
}
