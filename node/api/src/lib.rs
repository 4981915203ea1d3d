//! The HTTP control and query API of one node.
//!
//! Denied by default: [`endpoint::ENDPOINTS`] is the one table of what there is and who may use it.
//! Nothing here decides about commands, and nothing here serves bytes of a target that did not come
//! from the record.

mod attempts;
pub mod caller;
pub mod endpoint;
mod extract;
mod handlers;
mod lines;
mod note;
mod openapi;
mod refuse;
mod routes;
mod server;
mod state;
mod tail;
mod views;

pub use openapi::document;
pub use routes::router;
pub use server::serve;
pub use state::{Api, Given, Node};
pub use views::Views;

#[cfg(test)]
mod tests;
