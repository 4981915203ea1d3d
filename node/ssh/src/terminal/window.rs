//! What a client may ask of a terminal: its kind, its size, its modes. All of it is bounded, and
//! what the target is given is what the screen model has, so that both wrap lines alike.

use std::num::NonZeroU16;

use russh::Pty;

/// The longest name of a kind of terminal, in bytes.
const KIND_BYTES: usize = 64;
/// What is taken for a size that is not said.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;
/// The widest and the highest window.
const COLUMNS_MAX: u16 = 1000;
const ROWS_MAX: u16 = 500;
/// How many cells a window may have: each costs the screen model about 32 bytes.
const CELLS_MAX: u32 = 64 * 1024;

/// The size of a terminal, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) columns: NonZeroU16,
    pub(crate) rows: NonZeroU16,
}

impl Window {
    /// The size that a client says, as far as it may go; zero says nothing (RFC 4254, 6.2).
    pub(crate) fn new(columns: u32, rows: u32) -> Self {
        let within = |said: u32, absent: u16, most: u16| {
            let said = u16::try_from(said).unwrap_or(u16::MAX);
            NonZeroU16::new(said.min(most)).or(NonZeroU16::new(absent)).unwrap_or(NonZeroU16::MIN)
        };
        let columns = within(columns, COLUMNS, COLUMNS_MAX);
        let fit = u16::try_from(CELLS_MAX / u32::from(columns.get())).unwrap_or(ROWS_MAX);
        Self { columns, rows: within(rows, ROWS, ROWS_MAX.min(fit)) }
    }
}

/// A terminal that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: String,
    pub(crate) window: Window,
    /// As the protocol has them (RFC 4254, 8).
    pub(crate) modes: Vec<(Pty, u32)>,
}

impl Request {
    /// A terminal, unless its kind has a name that is none.
    pub(crate) fn new(kind: &str, window: Window, modes: &[(Pty, u32)]) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte);
        if kind.len() > KIND_BYTES || !kind.bytes().all(plain) {
            return None;
        }
        let ended = modes.iter().take_while(|(mode, _)| *mode != Pty::TTY_OP_END);
        Some(Self { kind: kind.to_owned(), window, modes: ended.copied().collect() })
    }
}
