//! Which names of signals pass.

use russh::Sig;

use crate::signals::{known, name};

#[test]
fn only_the_names_of_the_protocol_pass() {
    #[track_caller]
    fn check(signal: Sig, expected: &str) {
        assert_eq!(name(&known(signal)), expected);
    }
    check(Sig::ABRT, "ABRT");
    check(Sig::ALRM, "ALRM");
    check(Sig::FPE, "FPE");
    check(Sig::HUP, "HUP");
    check(Sig::ILL, "ILL");
    check(Sig::INT, "INT");
    check(Sig::KILL, "KILL");
    check(Sig::PIPE, "PIPE");
    check(Sig::QUIT, "QUIT");
    check(Sig::SEGV, "SEGV");
    check(Sig::TERM, "TERM");
    check(Sig::USR1, "USR1");
    check(Sig::Custom("USR2".to_owned()), "USR2");
    for other in ["", "usr2", "USR3", "HUNTER2", "SIGUSR2", "USR2 ", "TERM\n", "a secret"] {
        check(Sig::Custom(other.to_owned()), "UNKNOWN");
    }
}
