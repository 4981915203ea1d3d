//! The screen that the client sees, as far as its lines can be read off it.
//!
//! The model keeps no lines that scrolled away, and its sequences are bounded: a target that sends
//! anything at all costs it the memory of its window.

use super::window::Window;

/// The line that the cursor is in, all its rows together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShownLine {
    /// Its text. What was printed counts, spaces too; what was erased does not.
    pub(super) text: String,
    /// Whether its first rows may have scrolled away.
    pub(super) cut: bool,
}

/// A model of the screen.
pub(super) struct Screen {
    model: vt100::Parser,
    /// The beginning of a character whose end has not come: the model loses what follows one that
    /// it is given in two parts.
    begun: Vec<u8>,
}

impl Screen {
    pub(super) fn new(window: Window) -> Self {
        Self { model: vt100::Parser::new(window.rows, window.columns, 0), begun: Vec::new() }
    }

    pub(super) fn resize(&mut self, window: Window) {
        self.model.set_size(window.rows, window.columns);
    }

    /// Takes bytes of the target.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.begun);
        // Nearly always nothing was begun, and nothing is copied.
        let bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let (whole, begun) = bytes.split_at(bytes.len() - begun_bytes(bytes));
        self.model.process(whole);
        self.begun.extend_from_slice(begun);
    }

    /// Whether a program has the whole screen to itself.
    pub(super) fn is_full(&self) -> bool {
        self.model.screen().alternate_screen()
    }

    /// The line that the cursor is in.
    pub(super) fn line(&self) -> ShownLine {
        let screen = self.model.screen();
        let (rows, columns) = screen.size();
        let (at, _) = screen.cursor_position();
        let (first, cut) = self.first_row();
        let mut last = at;
        while last + 1 < rows.get() && screen.row_wrapped(last) {
            last += 1;
        }
        ShownLine { text: screen.contents_between(first, 0, last, columns.get()), cut }
    }

    /// What stands before the cursor in its line.
    pub(super) fn before_cursor(&self) -> String {
        let screen = self.model.screen();
        let (at, column) = screen.cursor_position();
        screen.contents_between(self.first_row().0, 0, at, column)
    }

    /// The first row of the cursor's line, and whether that is the first row of the screen.
    fn first_row(&self) -> (u16, bool) {
        let screen = self.model.screen();
        let (mut first, _) = screen.cursor_position();
        while first > 0 && screen.row_wrapped(first - 1) {
            first -= 1;
        }
        (first, first == 0)
    }
}

/// How many bytes at the end begin a character (RFC 3629) that goes on.
fn begun_bytes(bytes: &[u8]) -> usize {
    let goes_on = |count: &usize| {
        let end = &bytes[bytes.len() - count..];
        std::str::from_utf8(end)
            .is_err_and(|error| error.valid_up_to() + error.error_len().unwrap_or(0) == 0)
    };
    (1..=3.min(bytes.len())).find(goes_on).unwrap_or(0)
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is on a screen has not been masked.
        write!(f, "Screen({:?})", self.model.screen().size())
    }
}
