//! What fuzzing feeds: keys and a screen to a terminal, and the packets of both sides to a file
//! transfer. Nothing here is part of the product.
//!
//! Beside "no panic" each has an oracle. Every key goes once and in its order, one that submits
//! only behind its verdict; what an honest shell has is what is judged; nobody waits for ever.
//! Every packet of a client is sent, judged or answered once, what opens or changes only as it was
//! judged; what is recorded of content is what passed; what is kept is bounded. Neither depends on
//! how its bytes are cut.

mod packets;
mod server;
mod sftp;
mod shell;
mod terminal;

pub use sftp::sftp;
pub use terminal::terminal;

/// Bytes in pieces, of lengths that follow from `cuts`; whole when that is zero.
fn pieces(bytes: &[u8], cuts: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (bytes, u32::from(cuts));
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = if cuts == 0 { usize::MAX } else { 1 + (state >> 16) as usize % 20 };
        let piece = rest.split_off(..length.min(rest.len()))?;
        (!piece.is_empty()).then_some(piece)
    })
}
