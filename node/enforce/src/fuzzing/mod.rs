//! What fuzzing feeds: the text of a command to its reader, and a stream to the masker. Nothing
//! here is part of the product.
//!
//! Beside "no panic" each has an oracle. A command is read as the same whatever was read before,
//! its reading is as small as the reader promises, its reasons quote nothing of it, and a plain
//! line before or behind it changes nothing but itself. A stream comes out the same however it is
//! cut, what is no finding as it went in, and a secret between blanks never whole.

mod mask;
mod shell;

pub use mask::mask;
pub use shell::{MARKER, shell};
