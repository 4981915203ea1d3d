//! Which signals pass between a client and a target: those that have a name in RFC 4254 (6.10).
//! Any other name is the sender's own words, and those reach neither side nor the record.

use russh::Sig;

/// What is said in place of any other name.
const UNKNOWN: &str = "UNKNOWN";

/// A signal as it is passed on.
pub(crate) fn known(signal: Sig) -> Sig {
    match signal {
        // `russh` has no variant for it.
        Sig::Custom(name) if name == "USR2" => Sig::Custom(name),
        Sig::Custom(_) => Sig::Custom(UNKNOWN.to_owned()),
        Sig::ABRT
        | Sig::ALRM
        | Sig::FPE
        | Sig::HUP
        | Sig::ILL
        | Sig::INT
        | Sig::KILL
        | Sig::PIPE
        | Sig::QUIT
        | Sig::SEGV
        | Sig::TERM
        | Sig::USR1 => signal,
    }
}

/// The name of a signal that is passed on.
pub(crate) fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
