//! Tables for what is pure, and the spool with real files.

mod channel;
mod environment;
mod live;
mod login;
mod signals;
mod sources;
mod spool;
mod stderr;
