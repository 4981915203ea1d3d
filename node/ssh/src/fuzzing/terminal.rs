//! Keys and a screen, before the terminal that judges lines.
//!
//! Events are a kind, a length of two bytes and as many bytes: `k` keys, `o` output, `t` time, `w`
//! another size of the window.

use std::collections::VecDeque;
use std::time::Duration;

use node_enforce::terminal::Seen;

use super::pieces;
use super::shell::{PROMPT, Shell};
use crate::terminal::{Step, Terminal, Window};

/// The longest that anything is waited for at a time.
const WAIT: Duration = Duration::from_secs(1);
/// How often something is waited for, for each key, while nothing happens.
const WAITS: usize = 4;
/// The longest line of keys that is followed, and bytes of a cell of the screen.
const FOLLOWED_BYTES: usize = 4096;
const CELL_BYTES: usize = 24;
/// What tells the target of a paste: no cut goes through it.
const PASTE: [&[u8]; 2] = [b"\x1b[200~", b"\x1b[201~"];

/// What a terminal did.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    Typed(u8),
    Judged(Vec<u8>),
    Submitted(u8),
}

/// A terminal, and what must be so of it.
struct Stage {
    terminal: Terminal,
    /// Nobody hides what it shows.
    screen: vt100::Parser,
    /// Whether the program that has the whole screen was judged.
    noted: bool,
    shell: Option<Shell>,
    now: Duration,
    /// Keys that the terminal has, and those that it did not ask for yet.
    given: VecDeque<u8>,
    coming: VecDeque<Vec<u8>>,
    cuts: u8,
    refuses: bool,
    done: Vec<Did>,
}

/// Puts keys and output through a terminal. The first byte chooses whether a shell shows what is
/// typed and whether lines are refused, the second how all is cut.
///
/// # Panics
/// When something is not as it must be.
pub fn terminal(bytes: &[u8]) {
    let [choice, cuts, events @ ..] = bytes else { return };
    let (honest, refuses) = (choice & 1 == 1, choice & 2 == 2);
    let whole = play(events, 0, honest, refuses);
    let cut = play(events, *cuts, honest, refuses);
    // When a line was taken back, a prompt is waited for, and each piece may end with one.
    if !refuses {
        assert_eq!(cut, whole, "another cut");
    }
}

fn play(events: &[u8], cuts: u8, honest: bool, refuses: bool) -> Vec<Did> {
    let window = Window::new(80, 24);
    let mut stage = Stage {
        terminal: Terminal::new(window),
        screen: vt100::Parser::new(window.rows, window.columns, 0),
        noted: false,
        shell: honest.then(Shell::default),
        now: Duration::from_secs(1),
        given: VecDeque::new(),
        coming: VecDeque::new(),
        cuts,
        refuses,
        done: Vec::new(),
    };
    if honest {
        stage.shows(PROMPT);
    }
    let mut rest = events;
    while let [kind, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (body, behind) = behind.split_at(length);
        rest = behind;
        stage.happens(*kind, body);
        stage.go();
    }
    for _ in 0..WAITS * (1 + stage.rests()) {
        stage.now += WAIT;
        stage.go();
    }
    assert_eq!(stage.rests(), 0, "keys stay behind");
    stage.done
}

impl Stage {
    fn happens(&mut self, kind: u8, body: &[u8]) {
        match (kind, body) {
            (b'k', keys) => self.comes(keys),
            (b't', [high, low, ..]) => {
                self.now += Duration::from_millis(u16::from_be_bytes([*high, *low]).into());
            }
            (b'w', [columns, rows, ..]) if self.shell.is_none() => {
                let window = Window::new((*columns).into(), (*rows).into());
                self.terminal.resize(window);
                self.screen.set_size(window.rows, window.columns);
            }
            (b'o', output) if self.shell.is_none() => self.shows(output),
            _ => {}
        }
    }

    /// Keys come, as the client sends them.
    fn comes(&mut self, keys: &[u8]) {
        if self.shell.is_some() {
            // One at a time, so that each is shown before the next.
            self.coming.extend(Shell::keys(keys).into_iter().map(|key| vec![key]));
            return;
        }
        let marked = PASTE.iter().any(|mark| keys.windows(mark.len()).any(|part| part == *mark));
        let cuts = if marked { 0 } else { self.cuts };
        self.coming.extend(pieces(keys, cuts).map(<[u8]>::to_vec));
    }

    /// The target shows something.
    fn shows(&mut self, output: &[u8]) {
        for piece in pieces(output, self.cuts) {
            self.terminal.output(piece, self.now);
        }
        for byte in output {
            self.screen.process(&[*byte]);
            self.noted &= self.is_full();
        }
    }

    fn is_full(&self) -> bool {
        self.screen.screen().alternate_screen()
    }

    /// How many keys there are that nothing was done with.
    fn rests(&self) -> usize {
        self.given.len() + self.coming.iter().map(Vec::len).sum::<usize>()
    }

    /// Does what is to be done, until something must happen.
    fn go(&mut self) {
        loop {
            if !self.terminal.has_keys()
                && let Some(keys) = self.coming.pop_front()
            {
                let takes = |shell: &Shell| keys.iter().all(|key| shell.takes(*key));
                if !self.shell.as_ref().is_none_or(takes) {
                    continue;
                }
                self.terminal.keys(&keys);
                self.given.extend(keys);
            }
            match self.terminal.step(self.now) {
                Step::Type(typed) => self.typed(typed.bytes()),
                Step::Judge(seen) => self.judged(seen),
                Step::Wait(until) => {
                    assert!(until > self.now && until - self.now <= WAIT, "it waits too long");
                    return;
                }
                Step::Idle if self.terminal.has_keys() => panic!("keys and nothing to do"),
                Step::Idle if self.coming.is_empty() => return,
                Step::Idle => {}
            }
        }
    }

    /// Keys go to the target: the next ones, and none that submits.
    fn typed(&mut self, keys: &[u8]) {
        let unread = self.noted && self.is_full();
        for key in keys {
            assert_eq!(self.given.pop_front(), Some(*key), "keys go once and in order");
            let submits = matches!(key, b'\r' | b'\n' | 0x0f);
            assert!(!submits || unread, "{key:#04x} goes without a verdict");
            assert!(*key != 0x04 || unread || keys.len() == 1, "it goes with others");
            self.done.push(Did::Typed(*key));
            self.reaches(*key);
        }
    }

    /// A line is judged: nothing goes until its verdict is there.
    fn judged(&mut self, seen: Vec<u8>) {
        let (rows, columns) = self.screen.screen().size();
        let cells = usize::from(rows.get()) * usize::from(columns.get());
        assert!(seen.len() <= 3 + FOLLOWED_BYTES + cells * CELL_BYTES, "{} bytes", seen.len());
        let full = seen == Seen::FullScreen.encode();
        assert_eq!(full, self.is_full(), "whether a program has the screen");
        assert_eq!(self.terminal.step(self.now), Step::Idle, "a verdict is waited for");
        if let Some(shell) = &self.shell {
            let shown = String::from_utf8_lossy(&seen[2..]);
            let line = Seen::Line(&seen[2..]).encode() == seen;
            assert!(line && shown.trim_end() == shell.line().trim_end(), "{seen:?}");
        }
        let refused = self.refuses && seen.len().is_multiple_of(3);
        self.done.push(Did::Judged(seen));
        if refused {
            let typed = self.terminal.refused(self.now);
            assert_eq!(typed.bytes()[..], [0x03], "an interrupt");
            self.given.clear();
            self.reaches(0x03);
        } else {
            let submit = self.terminal.allowed(self.now).expect("a key waits for its verdict");
            let key = submit.byte();
            assert_eq!(self.given.pop_front(), Some(key), "keys go once and in order");
            self.noted = full && self.is_full();
            self.done.push(Did::Submitted(key));
            self.reaches(key);
        }
        assert!(self.terminal.allowed(self.now).is_none(), "a verdict counts once");
    }

    /// The target has a key.
    fn reaches(&mut self, key: u8) {
        if let Some(shell) = &mut self.shell {
            let shown = shell.key(key);
            self.shows(&shown);
        }
    }
}
