//! The HTTP control and query API of one node.
//!
//! Denied by default: [`endpoint::ENDPOINTS`] is the one table of what there is and who may use it.
//! Nothing here decides about commands, and nothing here serves bytes of a target that did not come
//! from the record.

mod attempts;
pub mod caller;
mod change;
mod documents;
mod enact;
pub mod endpoint;
mod extract;
mod foreign;
mod handlers;
mod lines;
mod note;
pub mod notify;
mod openapi;
mod own;
mod pages;
mod ports;
mod refuse;
mod routes;
mod server;
mod state;
mod tail;
mod views;

pub use openapi::document;
pub use own::Watch;
pub use ports::{Agreement, Chains, Cluster, Fleet};
pub use routes::router;
pub use server::serve;
pub use state::{Api, Given, Node};
pub use views::{FollowError, Follower, Views};

#[cfg(test)]
mod tests;
