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
    check("sallyport dev --postgres 127.0.0.1:5432 --client-ca F", true);
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
    check("sallyport audit verify D E F --keys K --known-seals S", true);
    check("sallyport audit keys --out F", true);
    check("sallyport audit prove gw-1/1-42 D --out F", true);
    check("sallyport audit prove gw-1/1 --out F", false);
    check("sallyport audit prove gw-1/1-42", false);
    check("sallyport audit report --person alice --target web-1 --out D --keys K", true);
    check("sallyport audit report --person alice", false);
    check("sallyport archive seal E --into D --signing-key K --node gw-1 --retention 400", true);
    check("sallyport archive seal E --into D", false);
    check("sallyport archive list D", true);
    check("sallyport archive prune D --older-than 400 --dry-run", true);
    check("sallyport archive prune D", false);
    check("sallyport archive hold D case-7 --reason R --chain gw-1", true);
    check("sallyport archive hold D case-7", false);
    check("sallyport archive lift D case-7", true);
    check("sallyport policy backtest F D --from 2026-01-31T09:30:00Z --audit-key K", true);
    check("sallyport policy backtest", false);
    check("sallyport audit verify --expect-head gw-1:7:zz", false);
    check("sallyport audit rederive D --audit-key K --digest-key K", true);
    check("sallyport audit rederive D --digest-key K", false);
    check("sallyport views status -o json", true);
    check("sallyport views rebuild", true);
    check("sallyport views rebuild --home postgres --no-wait", true);
    check("sallyport views rebuild --home", false);
    check("sallyport mask", true);
    check("sallyport mask --target web-1", false);
    check("sallyport policy test F", false);
    check("sallyport policy diff F", true);
    check("sallyport policy diff", false);
    check("sallyport policy diff --from 3", true);
    check("sallyport policy diff --from 3 --to 4", true);
    check("sallyport policy diff F --from 3", true);
    check("sallyport policy diff F --from 3 --to 4", false);
    check("sallyport policy diff --to 4", false);
    check("sallyport policy apply -f F --expect-revision 4", true);
    check("sallyport policy apply", false);
    check("sallyport policy apply -f F --expect-revision four", false);
    check("sallyport policy history -o json", true);
    check("sallyport policy rollback 3", true);
    check("sallyport policy rollback", false);
    check("sallyport token", false);
}

#[test]
fn command_lines_about_a_fleet() {
    check("sallyport serve --config F", true);
    check("sallyport serve --config F --join-file T --log debug", true);
    check("sallyport cluster init --config F -o json", true);
    check("sallyport cluster init", false);
    check("sallyport cluster restore --config F --backup B --key K", true);
    check("sallyport cluster restore --config F --backup B", false);
    check("sallyport people apply -f F --expect-revision 2", true);
    check("sallyport people remove alice", true);
    check("sallyport people remove ../alice", false);
    check("sallyport target apply --file F", true);
    check("sallyport target remove web-1 --expect-revision 2", true);
    check("sallyport approvals list --state open", true);
    check("sallyport approvals list --state pending", false);
    check("sallyport approvals show 57 -o yaml", true);
    check("sallyport approvals show x", false);
    check("sallyport approvals approve 57 --reason checked", true);
    check("sallyport approvals approve 57", false);
    check("sallyport approvals deny 57 --reason no", true);
    check("sallyport approvals revoke 57 --reason changed", true);
    check("sallyport approvals watch", true);
    check("sallyport lock set --person alice --for 1h --reason R", true);
    check("sallyport lock set --target web-1 --reason R", true);
    check("sallyport lock set --node gw-1 --reason R", true);
    check("sallyport lock set --all --reason R", true);
    check("sallyport lock set --all", false);
    check("sallyport lock set --reason R", false);
    check("sallyport lock set --all --person alice --reason R", false);
    check("sallyport lock set --all --for forever --reason R", false);
    check("sallyport lock lift 12 --reason R", true);
    check("sallyport lock lift 12", false);
    check("sallyport lock list", true);
    check("sallyport sessions watch gw-1-1-1 --output-only", true);
    check("sallyport sessions kill gw-1-1-1 --reason R", true);
    check("sallyport sessions kill gw-1-1-1", false);
    check("sallyport cluster status -o json", true);
    check("sallyport cluster join-token --out F", true);
    check("sallyport cluster add gw-2 --join-file F --wait 5m", true);
    check("sallyport cluster add gw-2", false);
    check("sallyport cluster remove gw-2", true);
    check("sallyport cluster backup --recipient K --out F", true);
    check("sallyport cluster backup --out F", false);
    check("sallyport cluster backup-key --out F", true);
    check("sallyport events provision --nats nats://a:1,nats://b:1 --cluster c", true);
    check("sallyport events provision --cluster c", false);
    check("sallyport events provision --nats nats://a:1 --cluster c --replicas 6", false);
    check("sallyport events keys --out D", true);
    check("sallyport events credential --keys F --cluster c --node gw-1 --out F", true);
    check("sallyport events credential --keys F --cluster c --publisher gw-1 --out F", true);
    check("sallyport events credential --keys F --subscriber siem --out F", true);
    check("sallyport events credential --keys F --cluster c --out F", false);
    check("sallyport events credential --keys F --node gw-1 --out F", false);
    check("sallyport events credential --keys F --node a --subscriber b --out F", false);
}
