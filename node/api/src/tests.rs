//! The API over a memory log and the real control plane: who may what, what is recorded of it, and
//! what comes back.

mod access;
mod attempts;
mod damage;
mod events;
mod login;
mod openapi;
mod sessions;
mod world;
