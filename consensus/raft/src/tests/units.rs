//! The small parts by themselves.
