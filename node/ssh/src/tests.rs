//! Tables for what is pure, and the spool with real files.

mod channel;
mod environment;
mod fetch;
mod forward;
mod fuzz;
mod live;
mod login;
mod sftp;
mod signals;
mod spool;
mod stderr;
