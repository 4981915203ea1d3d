//! The stream against a real server, and its pure parts as tables.

mod chains;
mod deployed;
mod live;
mod permissions;
mod progress;
mod reconciling;
mod resuming;
mod rows;
mod secured;
mod server;
mod shapes;
mod subjects;
mod subscribing;
mod trimming;
mod world;
