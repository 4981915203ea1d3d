//! What a terminal shows, as far as secrets are concerned: text without the sequences that colour
//! it, and without the breaks that wrap it.
//!
//! The stream is taken apart into text, which is looked through, and asides, which pass where they
//! stood. A sequence that moves the cursor ends whatever is before it: a break stands for it in
//! the text that is nowhere in the stream. What sequences carry (titles, links, the clipboard) is
//! text. Asides are never masked, so they must never hold anything else than control sequences,
//! line ends and the blanks of a wrap.

mod asides;

pub(super) use asides::Asides;

use super::blocks::Controls;

/// The width at which lines are taken to be wrapped. Columns.
const WIDTH: u32 = 80;
/// Longest control sequence. Bytes.
const SEQUENCE_MAX: usize = 64;
/// With more than these between two bytes of a token it is none. Bytes.
const BETWEEN_MAX: usize = 256;
const ESCAPE: u8 = 0x1B;
const BACKSPACE: u8 = 8;
/// The last bytes of control sequences that leave the cursor where it is: colours, what is erased,
/// modes and reports.
const STAYING: &[u8] = b"mKJhlqtnc";
/// The character sets that are chosen by sequences of three bytes.
const CHARSETS: &[u8] = b"AB012KU";
/// What follows `ESC` in a sequence of two bytes, or begins a string that is text.
const OTHERS: &[u8] = b"78DEMHcNOZPX^_\\]";
/// What a break is in the text.
const BREAK: u8 = b'\n';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Escape,
    /// Behind `ESC` and an intermediate byte: one byte more.
    Charset,
    /// In a control sequence of so many bytes.
    Control(usize),
    /// Behind a blank that may be a wrap; it is not in the text yet.
    Blank,
    /// Behind such a blank and a carriage return.
    Return,
    /// Behind a carriage return at the width, which is not in the text yet.
    Edge,
    /// Behind a line's end at the width, or a move from there to where a row begins; the token goes
    /// on if its next byte comes.
    Wrapped,
}

/// What the parameters of a control sequence say, if it moves the cursor to a place (CUP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A row, and no column so far: the first.
    Row,
    /// A row and what stands before a column.
    Separator,
    /// The first column of a row.
    First,
    Other,
}

impl Place {
    fn take(self, parameter: u8) -> Self {
        match (self, parameter) {
            (Self::Row, b'0'..=b'9') => Self::Row,
            (Self::Row, b';') => Self::Separator,
            (Self::Separator, b'1') => Self::First,
            _ => Self::Other,
        }
    }
}

/// Takes a stream apart.
#[derive(Debug)]
pub(super) struct Terminal {
    state: State,
    column: u32,
    /// Of the control sequence that is read.
    place: Place,
    /// The last byte of the text.
    last: u8,
    pub(super) asides: Asides,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let (state, place, asides) = (State::Text, Place::Row, Asides::default());
        Self { state, column: 0, place, last: BREAK, asides }
    }

    /// Whether the stream's next bytes are text as they are. If so, they are counted.
    pub(super) fn passes(&mut self, bytes: &[u8]) -> bool {
        if self.state != State::Text {
            return false;
        }
        let Some(&last) = bytes.last() else { return true };
        let before = |at: usize| if at == 0 { self.last } else { bytes[at - 1] };
        let (mut column, mut from) = (self.column, 0);
        let mut controls = Controls::new(bytes);
        loop {
            let at = controls.next(from);
            if at == bytes.len() {
                break;
            }
            if matches!(bytes[at], ESCAPE | BACKSPACE) {
                return false;
            }
            column = moved(column, at - from);
            let blank =
                bytes[at] == b'\r' && before(at) == b' ' && is_edge(column.saturating_sub(1));
            if blank || column == WIDTH && is_token(before(at)) {
                return false;
            }
            (column, from) = (0, at + 1);
        }
        column = moved(column, bytes.len() - from);
        if last == b' ' && is_edge(column.saturating_sub(1)) {
            return false;
        }
        (self.column, self.last) = (column, last);
        true
    }

    /// Takes bytes apart.
    pub(super) fn take(&mut self, bytes: &[u8], to: &mut Text<'_>) {
        let (mut rest, mut controls) = (bytes, Controls::new(bytes));
        while let Some((&byte, behind)) = rest.split_first() {
            let run = match self.state {
                State::Text if byte == ESCAPE => self.whole_control(rest, to),
                State::Text => {
                    let at = bytes.len() - rest.len();
                    self.run(rest, controls.next(at) - at, to)
                }
                State::Control(length) => self.parameters(rest, length, to),
                _ => 0,
            };
            if run > 0 {
                rest = &rest[run..];
            } else if self.step(byte, to) {
                rest = behind;
            }
            // What is held of a token is bounded, and so are the asides in it.
            if self.asides.before(to.end()) > BETWEEN_MAX {
                self.breaks(to);
            }
        }
    }

    /// Gives what is kept back only until the next byte is known.
    pub(super) fn settle(&mut self, to: &mut Text<'_>) {
        match self.state {
            State::Blank => self.push(b" ", to),
            State::Return => self.push(b" \r", to),
            State::Edge => self.push(b"\r", to),
            _ => return,
        }
        self.state = State::Text;
    }

    /// How many bytes are kept back only until the next is known.
    pub(super) fn kept(&self) -> usize {
        match self.state {
            State::Blank | State::Edge => 1,
            State::Return => 2,
            _ => 0,
        }
    }

    /// Takes bytes that are text for sure, of those before the next control; gives how many.
    fn run(&mut self, bytes: &[u8], mut run: usize, to: &mut Text<'_>) -> usize {
        // The blank before a carriage return, a backspace, or what is not known yet.
        let ends_in_blank = run > 0 && bytes[run - 1] == b' ';
        let line_feed = bytes.get(run) == Some(&b'\n');
        if ends_in_blank && !line_feed && is_edge(moved(self.column, run - 1)) {
            run -= 1;
        }
        if run > 0 {
            self.column = moved(self.column, run);
            self.push(&bytes[..run], to);
        }
        run
    }

    /// Takes a control sequence that is known to its end and moves nothing; gives how many bytes.
    fn whole_control(&mut self, bytes: &[u8], to: &mut Text<'_>) -> usize {
        let Some(parameters) = bytes.strip_prefix(b"\x1b[") else { return 0 };
        let is_parameter = |byte: &&u8| matches!(byte, b' '..=b'?');
        let run = parameters.iter().take(SEQUENCE_MAX).take_while(is_parameter).count();
        if !parameters.get(run).is_some_and(|last| STAYING.contains(last)) {
            return 0;
        }
        let length = 2 + run + 1;
        self.asides.push(to.end(), &bytes[..length]);
        length
    }

    /// Takes parameters of a control sequence (ECMA-48 section 5.4); gives how many bytes.
    fn parameters(&mut self, bytes: &[u8], length: usize, to: &mut Text<'_>) -> usize {
        let is_parameter = |byte: &&u8| matches!(byte, b' '..=b'?');
        let run = bytes.iter().take(SEQUENCE_MAX - length).take_while(is_parameter).count();
        self.asides.push(to.end(), &bytes[..run]);
        self.place = bytes[..run].iter().fold(self.place, |place, byte| place.take(*byte));
        self.state = State::Control(length + run);
        run
    }

    /// Takes one byte; false if it is to be taken again in the new state.
    fn step(&mut self, byte: u8, to: &mut Text<'_>) -> bool {
        let state = std::mem::replace(&mut self.state, State::Text);
        match state {
            State::Text => self.text(byte, to),
            State::Escape => return self.escape(byte, to),
            State::Charset if CHARSETS.contains(&byte) => self.asides.push(to.end(), &[byte]),
            State::Charset => {
                self.breaks(to);
                return false;
            }
            State::Control(_) if matches!(byte, b'@'..=b'~') => {
                self.asides.push(to.end(), &[byte]);
                if matches!(byte, b'H' | b'f') && self.place != Place::Other && self.is_full() {
                    (self.state, self.column) = (State::Wrapped, 0);
                } else if !STAYING.contains(&byte) {
                    self.breaks(to);
                }
            }
            State::Control(_) => {
                self.breaks(to);
                return false;
            }
            State::Blank if byte == b'\r' => self.state = State::Return,
            State::Blank if byte == BACKSPACE => self.asides.push(to.end(), b" \x08"),
            State::Blank => {
                self.push(b" ", to);
                self.column = moved(self.column, 1);
                return false;
            }
            State::Return if byte == b'\n' => {
                self.push(b" \r", to);
                return false;
            }
            State::Return => {
                self.asides.push(to.end(), b" \r");
                self.column = 0;
                return false;
            }
            State::Edge if byte == b'\n' => {
                self.asides.push(to.end(), b"\r\n");
                (self.state, self.column) = (State::Wrapped, 0);
            }
            State::Edge => {
                self.push(b"\r", to);
                self.column = 0;
                return false;
            }
            State::Wrapped => {
                if !is_token(byte) {
                    self.breaks(to);
                }
                return false;
            }
        }
        true
    }

    /// A byte that ends a run of text.
    fn text(&mut self, byte: u8, to: &mut Text<'_>) {
        let at_width = self.column == WIDTH && is_token(self.last);
        match byte {
            ESCAPE => {
                self.asides.push(to.end(), &[byte]);
                self.state = State::Escape;
            }
            b' ' if self.is_full() => self.state = State::Blank,
            b'\r' if at_width => self.state = State::Edge,
            b'\n' if at_width => {
                self.asides.push(to.end(), b"\n");
                (self.state, self.column) = (State::Wrapped, 0);
            }
            _ => {
                let is_end = matches!(byte, b'\n' | b'\r');
                self.column = if is_end { 0 } else { moved(self.column, 1) };
                self.push(&[byte], to);
            }
        }
    }

    fn escape(&mut self, byte: u8, to: &mut Text<'_>) -> bool {
        match byte {
            b'[' => (self.state, self.place) = (State::Control(0), Place::Row),
            b'(' | b')' | b'*' | b'+' => self.state = State::Charset,
            // A mode of the keypad changes nothing that is seen.
            b'=' | b'>' => {}
            _ => {
                // What is no sequence must stay text.
                let known = OTHERS.contains(&byte);
                if known {
                    self.asides.push(to.end(), &[byte]);
                }
                self.breaks(to);
                return known;
            }
        }
        self.asides.push(to.end(), &[byte]);
        true
    }

    /// Whether a token may have filled the row.
    fn is_full(&self) -> bool {
        is_token(self.last) && is_edge(self.column)
    }

    fn push(&mut self, bytes: &[u8], to: &mut Text<'_>) {
        to.bytes.extend_from_slice(bytes);
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn breaks(&mut self, to: &mut Text<'_>) {
        self.asides.breaks(to.end());
        self.push(&[BREAK], to);
        self.column = 0;
    }
}

/// Where text goes: bytes, the first of them at this offset.
pub(super) struct Text<'a> {
    pub offset: u64,
    pub bytes: &'a mut Vec<u8>,
}

impl Text<'_> {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// The column behind so many bytes more.
fn moved(column: u32, bytes: usize) -> u32 {
    column.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// Whether a terminal may be so wide: a blank there may be where readline goes on in the next row.
fn is_edge(column: u32) -> bool {
    column >= WIDTH && column.is_multiple_of(20) || column == 132
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+/=.~".contains(&byte)
}
