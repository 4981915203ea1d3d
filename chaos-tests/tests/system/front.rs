//! FAULTS 15: the front door of SSH, under strangers and under clients that say what no client
//! should. During and after each of it a real client gets in, and memory stays bounded.

mod crowd;
mod flood;
mod raw;
mod rude;
mod scars;
mod stalled;
