//! What may never change without somebody noticing: bytes, names, schemas and codes.

mod entries;
mod files;
mod glance;
mod golden;
mod peer;
mod reading;
mod refusals;
mod samples;
mod schemas;
mod validator;
mod values;
