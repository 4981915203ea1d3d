//! What is decided without waiting, as tables.

mod allowance;
mod codec;
mod conversation;
mod fuzz;
mod login;
mod places;
mod said;
mod surroundings;
mod table;
mod turns;
mod unsent;
mod veil;
