//! Takes keys and output, and says what is to be done next: one step at a time.

use std::collections::VecDeque;
use std::time::Duration;

use node_enforce::terminal::Seen;

use super::keys::{FLUSH, OPERATE_AND_NEXT, Submit, Typed, submits};
use super::line::{Line, pasting};
use super::look::{PROMPT_WAIT, look};
use super::screen::Screen;
use super::window::Window;

/// How long the target may take to answer a line before what was typed meanwhile is passed on:
/// until it answers, nobody could have seen what they type into.
const ANSWER_WAIT: Duration = Duration::from_millis(500);

/// What every sequence that moves a screen begins with.
const ESCAPE: u8 = 0x1b;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These keys go to the target.
    Type(Typed),
    /// This is judged; then the terminal is told by [`Terminal::allowed`] or
    /// [`Terminal::refused`].
    Judge(Vec<u8>),
    /// Output or this instant is waited for.
    Wait(Duration),
    /// More keys are waited for.
    Idle,
}

/// One terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: Screen,
    keys: VecDeque<u8>,
    line: Line,
    /// The prompt that was learnt last.
    prompt: Option<String>,
    /// Since when an answer to a submitted line is waited for; when it was taken back, a prompt.
    unanswered: Option<Duration>,
    taken_back: bool,
    /// Whether the client is in the middle of what is pasted.
    pasting: bool,
    /// Whether the record has it that this full-screen program runs.
    full_noted: bool,
    /// When the target sent something.
    shown_at: Duration,
    /// Whether the target sent anything since the last key.
    answered: bool,
    /// A key whose line is being judged, and whether it is for a full-screen program.
    judging: Option<(u8, bool)>,
}

impl Terminal {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            screen: Screen::new(window),
            keys: VecDeque::new(),
            line: Line::default(),
            prompt: None,
            unanswered: None,
            taken_back: false,
            pasting: false,
            full_noted: false,
            shown_at: Duration::ZERO,
            answered: false,
            judging: None,
        }
    }

    /// The client's window has another size.
    pub(crate) fn resize(&mut self, window: Window) {
        self.screen.resize(window);
    }

    /// The target sent something.
    pub(crate) fn output(&mut self, bytes: &[u8], now: Duration) {
        self.shown_at = now;
        let mut rest = bytes;
        while !rest.is_empty() {
            // One program may end and the next begin in one piece: a part has one sequence at most.
            let next = rest.iter().skip(1).position(|byte| *byte == ESCAPE);
            let (part, behind) = rest.split_at(next.map_or(rest.len(), |at| at + 1));
            self.show(part);
            rest = behind;
        }
        if !self.taken_back || self.is_at_prompt() {
            (self.taken_back, self.unanswered) = (false, None);
        }
    }

    fn show(&mut self, part: &[u8]) {
        let was_full = self.screen.is_full();
        self.screen.show(part);
        (self.answered, self.line.answered) = (true, true);
        if was_full && !self.screen.is_full() {
            // What was typed was for the program that is gone.
            (self.full_noted, self.line) = (false, Line::default());
        }
    }

    /// The client sent keys. They are asked for only when there are none left.
    pub(crate) fn keys(&mut self, keys: &[u8]) {
        self.keys.extend(keys);
    }

    /// Whether there are keys that nothing was done with.
    pub(crate) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What is to be done next.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        let Some(first) = self.keys.front().copied() else { return Step::Idle };
        if self.judging.is_some() {
            return Step::Idle;
        }
        if let Some(since) = self.unanswered {
            let until = since + ANSWER_WAIT;
            if now < until {
                return Step::Wait(until);
            }
            (self.taken_back, self.unanswered) = (false, None);
        }
        if submits(first, self.line.begun()) { self.submit(first, now) } else { self.press(now) }
    }

    /// Passes on what submits nothing.
    fn press(&mut self, now: Duration) -> Step {
        let plain = self.keys.iter().position(|key| submits(*key, true));
        // The first one does not submit, or this is not asked: it is passed on alone then.
        let count = plain.unwrap_or(self.keys.len()).max(1);
        let keys: Vec<u8> = self.keys.drain(..count).collect();
        if keys == [FLUSH] {
            // The end of a file, at the start of a line: what comes then is another line.
            self.line = Line::default();
            return Step::Type(Typed::plain(keys));
        }
        if self.line.begun() && self.answered && self.is_at_prompt() && !self.shows_blanks() {
            // What was typed before was for a program that is gone.
            self.line = Line::default();
        }
        self.answered = false;
        self.pasting = pasting(&keys).unwrap_or(self.pasting);
        let screen = &self.screen;
        self.line.press(&keys, now, || screen.before_cursor());
        if self.prompt.is_none() {
            // The first thing that anybody types is typed behind a prompt, but for a password.
            let first = self.line.begun_behind.as_deref().unwrap_or_default();
            let is_prompt = !first.trim().is_empty() && !first.trim_end().ends_with(':');
            self.prompt = is_prompt.then(|| first.to_owned());
        }
        Step::Type(Typed::plain(keys))
    }

    /// Whether a shell shows its prompt and nothing behind it.
    fn is_at_prompt(&self) -> bool {
        let shown = self.screen.line();
        self.prompt.as_ref().is_some_and(|prompt| shown.text.trim_end() == prompt.trim_end())
    }

    /// Whether the blanks that a line begins with are all that stands behind the prompt.
    fn shows_blanks(&self) -> bool {
        let typed = self.line.text().is_some_and(|typed| typed.iter().all(|byte| *byte == b' '));
        let prompt = self.prompt.as_ref().map_or(0, String::len);
        typed && self.screen.line().text.len() > prompt
    }

    fn submit(&mut self, key: u8, now: Duration) -> Step {
        if self.screen.is_full() {
            self.keys.pop_front();
            if self.full_noted {
                self.line = Line::default();
                // The program may end by it, and then what follows is for a shell. What is pasted
                // is for the program.
                self.unanswered = (!self.pasting).then_some(now);
                return Step::Type(Typed::unread(key));
            }
            self.judging = Some((key, true));
            return Step::Judge(Seen::FullScreen.encode());
        }
        let seen = look(&self.line, &self.screen.line(), self.prompt.as_deref());
        // What was just shown may be the first half of something.
        let most = self.line.last_key + PROMPT_WAIT.max(seen.wait);
        let until = (self.line.last_key.max(self.shown_at) + seen.wait).min(most);
        if !seen.wait.is_zero() && now < until {
            return Step::Wait(until);
        }
        self.prompt = seen.prompt.or(self.prompt.take());
        self.keys.pop_front();
        self.judging = Some((key, false));
        Step::Judge(seen.bytes)
    }

    /// What was judged may be submitted: by this key, if one was judged.
    pub(crate) fn allowed(&mut self, now: Duration) -> Option<Submit> {
        let (key, full) = self.judging.take()?;
        self.full_noted = full && self.screen.is_full();
        self.line = match key {
            // The shell shows the next line of its history by itself.
            OPERATE_AND_NEXT => Line::uncertain(now),
            FLUSH => {
                let mut line = std::mem::take(&mut self.line);
                line.lose();
                line
            }
            _ => Line::default(),
        };
        self.unanswered = Some(now);
        Some(Submit::new(key))
    }

    /// What was judged may not be submitted: this takes it back. What was typed behind it is
    /// forgotten, as a terminal forgets it at an interrupt: it was meant to follow.
    pub(crate) fn refused(&mut self, now: Duration) -> Typed {
        self.judging = None;
        self.keys.clear();
        self.line = Line::default();
        (self.taken_back, self.unanswered) = (true, Some(now));
        Typed::cancel()
    }
}
