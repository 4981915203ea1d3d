//! Ordinary clients, which must not see that a gateway is there: each suite runs straight to the
//! server and through a gateway that allows everything, and says the same.
//!
//! The short part runs with all tests. `make compat` runs the rest too, which is ignored elsewhere:
//! drivers, libraries of SSH, Ansible, ssh-audit, and PostgreSQL's own regression suite. Where it
//! fetches what that needs is in the Makefile.

mod clients;
mod drivers;
mod programs;
mod regress;
mod scene;
