//! The command tree: sound, and as the golden help says.

use clap::{CommandFactory as _, Parser as _};

use crate::arguments::Arguments;

#[test]
fn the_tree_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn the_help_of_the_top_level() {
    let help = Arguments::command().term_width(100).render_long_help().to_string();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/help.txt");
    if std::env::var_os("SALLYPORT_GOLDEN").is_some() {
        std::fs::write(path, &help).expect("a golden file");
    }
    let golden = std::fs::read_to_string(path).expect("a golden file");
    assert_eq!(help, golden, "run with SALLYPORT_GOLDEN=1 to write it anew, and read the change");
}

#[track_caller]
fn check(line: &str, is_right: bool) {
    let parsed = Arguments::try_parse_from(line.split(' '));
    match parsed {
        Ok(_) => assert!(is_right, "{line:?} was taken"),
        Err(error) => {
            assert!(!is_right, "{line:?}: {error}");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }
}

#[test]
fn command_lines() {
    check("sallyport dev", true);
    check("sallyport dev --dir D --people P --targets T --policy P --ssh 1:0 --api 1:0", true);
    check("sallyport dev --name gw-2 --cluster c --journal-quota 100000000 --drain 5", true);
    check("sallyport dev --postgres 127.0.0.1:5432", false);
    check("sallyport serve", false);
    check("sallyport login --ssh-key K --print-token", true);
    check("sallyport login", false);
    check("sallyport sessions list -o json --person alice --state unknown", true);
    check("sallyport sessions list --output xml", false);
    check("sallyport sessions list --from 2026-01-31T09:30:00Z", true);
    check("sallyport sessions list --from yesterday", false);
    check("sallyport sessions replay gw-1-1-1 --speed 4 --output-only", true);
    check("sallyport sessions replay gw-1-1-1 --speed 4 --no-wait", false);
    check("sallyport sessions replay gw-1-1-1 --speed 0", false);
    check("sallyport sessions replay gw-1-1-1 --speed nan", false);
    check("sallyport sessions export gw-1-1-1 --format cast --out F", true);
    check("sallyport events tail --follow --kind command.judged,command.finished", true);
    check("sallyport events export", false);
    check("sallyport events export --out D --from 2026-01-31T09:30:00Z", true);
    check("sallyport audit verify", true);
    check("sallyport audit verify D --partial", true);
    check("sallyport audit verify --expect-head gw-1:7:zz", false);
    check("sallyport audit rederive D --audit-key K --digest-key K", true);
    check("sallyport audit rederive D --digest-key K", false);
    check("sallyport mask", true);
    check("sallyport mask --target web-1", false);
    check("sallyport policy test F", false);
    check("sallyport token", false);
}
