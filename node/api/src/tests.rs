//! The API over a memory log and the real control plane: who may what, what is recorded of it, and
//! what comes back.

mod access;
mod approvals;
mod attempts;
mod cluster;
mod control;
mod damage;
mod documents;
mod events;
mod fleet;
mod foreign;
mod locks;
mod login;
mod notify;
mod openapi;
mod others;
mod policy;
mod quorum;
mod sessions;
mod views;
mod world;
