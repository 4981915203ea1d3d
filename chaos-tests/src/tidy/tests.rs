//! The rules over this repository, and each rule over a bad example.

mod examples;
mod house;
mod reading;
