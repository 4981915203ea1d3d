//! A rule that cannot fail is no rule: each is shown a small bad example, and a good twin.

use crate::tidy::Finding;
use crate::tidy::calls::{foreign_makers, planted_bugs as planting};
use crate::tidy::coverage::{CodeName, codes_without_page, untested_codes_but, untested_kinds};
use crate::tidy::edges::unlisted_but;
use crate::tidy::engines::{awaiting_outside_drivers, wrong_owners};
use crate::tidy::exceptions::{Exception, judge};
use crate::tidy::files::{machine_paths_but, readmes, switched_off_lints_but, without_purpose};
use crate::tidy::packages::{Package, misnamed, outside_the_house, wrong_arrows};
use crate::tidy::sizes::{long_files_but, long_functions_but, wide_lines_but};
use crate::tidy::sources::Source;

/// Lines of the findings about one file.
#[track_caller]
fn check(rule: impl Fn(&[Source]) -> Vec<Finding>, path: &str, text: &str, lines: &[usize]) {
    let findings = rule(&[Source::new(path, text)]);
    let of_file = findings.iter().filter(|finding| finding.place == path);
    let got: Vec<_> = of_file.map(|finding| finding.line).collect();
    assert_eq!(got, lines, "of {path}: {text}\n{findings:?}");
}

fn package(name: &str, folder: &str, dependencies: &[(&str, bool)]) -> Package {
    let owned = dependencies.iter().map(|(name, tests)| ((*name).to_owned(), *tests));
    Package { name: name.to_owned(), folder: folder.to_owned(), dependencies: owned.collect() }
}

/// Whether the rule finds something when `name` depends on `on`.
#[track_caller]
fn check_arrow(name: &str, folder: &str, on: &str, wrong: bool) {
    let packages = [
        package(name, folder, &[(on, false)]),
        package("proto", "proto", &[]),
        package("store-log", "store/log", &[]),
        package("consensus-state", "consensus/state", &[]),
        package("node-enforce", "node/enforce", &[]),
        package("node-gate", "node/gate", &[]),
        package("bench", "bench", &[]),
    ];
    let findings = wrong_arrows(&packages);
    assert_eq!(!findings.is_empty(), wrong, "{name} on {on}: {findings:?}");
}

#[test]
fn arrows() {
    check_arrow("store-disk", "store/disk", "proto", false);
    check_arrow("store-disk", "store/disk", "store-log", false);
    check_arrow("store-disk", "store/disk", "consensus-state", true);
    check_arrow("proto", "proto", "store-log", true);
    check_arrow("consensus-raft", "consensus/raft", "node-gate", true);
    check_arrow("consensus-raft", "consensus/raft", "store-log", false);
    check_arrow("node-session", "node/session", "node-gate", false);
    check_arrow("node-identity", "node/identity", "node-gate", true);
    check_arrow("node-unheard-of", "node/unheard-of", "node-gate", true);
    check_arrow("node-session", "node/session", "bench", true);
    check_arrow("chaos-tests", "chaos-tests", "node-gate", false);
    assert_eq!(misnamed(&[package("log", "store/log", &[])]).len(), 1);
    assert_eq!(misnamed(&[package("store-log", "store/log", &[])]), []);
    assert_eq!(outside_the_house(&[package("tools-x", "tools/x", &[])]).len(), 1);
}

#[test]
fn engines() {
    let owner = |name: &str, on: (&str, bool)| wrong_owners(&[package(name, "x", &[on])]).len();
    assert_eq!(owner("store-disk", ("redb", false)), 0);
    assert_eq!(owner("store-log", ("redb", false)), 1);
    assert_eq!(owner("store-log", ("redb", true)), 0);
    assert_eq!(owner("bench", ("redb", true)), 0);
    assert_eq!(owner("node-session", ("russh", false)), 1);
    assert_eq!(owner("node-gate", ("tokio", false)), 1);
    assert_eq!(owner("node-gate", ("tokio", true)), 0);
    let rule = awaiting_outside_drivers;
    check(rule, "node/ssh/src/login.rs", "//! x\nuse tokio::net;\n", &[2]);
    check(rule, "node/ssh/src/login.rs", "//! no tokio here\n", &[]);
    check(rule, "node/ssh/src/driver/exec.rs", "use tokio::net;\n", &[]);
}

#[test]
fn edges() {
    let rule = |sources: &[Source]| unlisted_but(sources, &[]);
    for bad in [
        "let now = SystemTime::now();",
        "use std::time::Instant; let now = Instant::now();",
        "let now = jiff::Timestamp::now();",
        "let x = rand::random::<u8>();",
        "let x = ring::rand::SystemRandom::new();",
        "let key = AuditKey::generate();",
    ] {
        check(rule, "node/gate/src/gate.rs", bad, &[1]);
        check(rule, "node/gate/src/tests.rs", bad, &[]);
    }
    check(rule, "node/ssh/src/driver.rs", "use tokio::time::Instant; Instant::now()", &[]);
    check(rule, "node/gate/src/gate.rs", "operand::x(); // SystemTime::now()", &[]);
}

#[test]
fn proof_values() {
    let rule = foreign_makers;
    let driver = "node/ssh/src/driver.rs";
    check(rule, driver, "Receipt::mint(id)", &[1]);
    check(rule, "store/log/src/log.rs", "Receipt::mint(id)", &[]);
    check(rule, "node/gate/src/running.rs", "Judged::allowed(key)", &[1]);
    check(rule, "node/gate/src/gate/judging.rs", "Judged::allowed(key)", &[]);
    check(rule, "node/gate/src/gate.rs", "Letting::new(key)", &[1]);
    check(rule, "node/gate/src/gate/holding.rs", "Letting::new(key)", &[]);
    let holding = "node/session/src/session/holding.rs";
    check(rule, holding, "let a =\nConsumption::of_reply(asked, reply, 1);", &[2]);
    check(rule, "node/session/src/spending.rs", "Consumption::of_reply(asked, reply, 1)", &[]);
    check(rule, "node/gate/src/gate/holding.rs", "Spent { text }", &[1]);
    check(rule, "node/gate/src/gate/holding.rs", "let a =\nLetting { key };", &[2]);
    check(rule, "node/gate/src/gate/holding.rs", "Consumption { asked, applied: 0 }", &[1]);
    check(rule, "node/gate/src/proof.rs", "Ok(Spent { key, text })", &[]);
    check(rule, "node/gate/src/consumption.rs", "Consumption { asked, applied }", &[]);
    check(rule, driver, "Masked::new(bytes)", &[1]);
    check(rule, "node/enforce/src/mask/window.rs", "Masked::new(bytes)", &[]);
    check(rule, "node/gate/src/gate.rs", "x(\nPermit { text })", &[2]);
    check(rule, "node/gate/src/gate.rs", "Refusal{told}", &[1]);
    check(rule, "node/gate/src/gate.rs", "fn a() -> Permit { b() }\nimpl Permit {}", &[]);
    check(rule, "node/gate/src/proof.rs", "Permit { text }", &[]);
    check(rule, "node/gate/src/gate.rs", "let e = OutputReleased { command: 1 };", &[1]);
    check(rule, "node/gate/src/gate.rs", "CommandJudged { command, ..base }", &[1]);
    check(rule, "store/views/src/fold.rs", "if let Some(OutputReleased { text, .. }) = x {}", &[]);
    check(rule, "store/views/src/fold.rs", "match x { CommandPart { part } => 1 }", &[]);
    check(rule, "node/gate/src/tests.rs", "OutputReleased { command: 1 }", &[]);
}

#[test]
fn planted_bugs() {
    let rule = planting;
    let on = "[dependencies]\nconsensus-state = { workspace = true, features = [\"seeded-bugs\"] }";
    check(rule, "node/daemon/Cargo.toml", on, &[2]);
    check(rule, "Cargo.toml", on, &[2]);
    check(rule, "chaos-tests/Cargo.toml", on, &[2]);
    let offers = "seeded-bugs = [\"consensus-state/seeded-bugs\"]";
    check(rule, "chaos-tests/Cargo.toml", offers, &[]);
    check(rule, "node/daemon/Cargo.toml", offers, &[1]);
    check(rule, "chaos-tests/Cargo.toml", "default = [\"seeded-bugs\"]", &[1]);
    check(rule, "consensus/state/Cargo.toml", "seeded-bugs = []", &[]);
}

#[test]
fn sizes() {
    let files = |sources: &[Source]| long_files_but(sources, &[]);
    let lines = |count: usize| "//! x\n".repeat(count);
    check(files, "proto/src/a.rs", &lines(500), &[]);
    check(files, "proto/src/a.rs", &lines(501), &[0]);
    check(files, "proto/src/tests.rs", &lines(501), &[]);
    let functions = |sources: &[Source]| long_functions_but(sources, &[]);
    let function = |count: usize| format!("\nfn a() {{\n{}}}\n", "b();\n".repeat(count));
    check(functions, "proto/src/a.rs", &function(68), &[]);
    check(functions, "proto/src/a.rs", &function(69), &[2]);
    let wide = |sources: &[Source]| wide_lines_but(sources, &[]);
    check(wide, "proto/src/a.rs", &format!("a\n{}", "b".repeat(101)), &[2]);
    check(wide, "proto/src/a.rs", &"ä".repeat(100), &[]);
    check(wide, "proto/src/tests.rs", &"b".repeat(101), &[]);
}

#[test]
fn files() {
    check(without_purpose, "proto/src/a.rs", "use b;\n", &[0]);
    check(without_purpose, "proto/src/a.rs", "//! Why.\n", &[]);
    let lints = |sources: &[Source]| switched_off_lints_but(sources, &[]);
    check(lints, "proto/src/a.rs", "\n#[allow(dead_code)]\nfn a() {}", &[2]);
    check(lints, "proto/src/a.rs", "#![allow(\n  clippy::all)]", &[1]);
    check(lints, "proto/src/a.rs", "#[expect(unused)]", &[1]);
    check(lints, "proto/src/a.rs", "#[derive(Debug)] // #[allow(x)]", &[]);
    let home = concat!("/ho", "me/");
    let paths = |sources: &[Source]| machine_paths_but(sources, &[]);
    check(paths, "README.md", &format!("a\nsee {home}x"), &[2]);
    check(paths, "README.md", &format!("see a{home}x"), &[]);
    check(paths, "node/enforce/cases/a.txt", &format!("ls {home}x"), &[]);
    assert_eq!(readmes(&[]).len(), 7, "every top folder needs one");
    check(readmes, "proto/README.md", &"x\n".repeat(61), &[0]);
    check(readmes, "proto/README.md", &"x\n".repeat(60), &[]);
}

#[test]
fn coverage() {
    let code = CodeName { code: "SP-9999".to_owned(), variant: "Full".to_owned() };
    let codes = std::slice::from_ref(&code);
    let untested =
        |path: &str, text: &str| untested_codes_but(codes, &[Source::new(path, text)], &[]).len();
    assert_eq!(untested("node/gate/src/tests.rs", "Code::Full,"), 0);
    assert_eq!(untested("node/gate/scripts/a.txt", "says SP-9999"), 0);
    assert_eq!(untested("node/gate/src/tests.rs", "Code::FullOfIt"), 1);
    assert_eq!(untested("node/gate/src/gate.rs", "Code::Full"), 1);
    let hole = [Exception { place: "SP-9999", reason: "a hole" }];
    assert_eq!(untested_codes_but(codes, &[], &hole), []);
    let closed = [Source::new("node/gate/src/tests.rs", "Code::Full")];
    assert_eq!(untested_codes_but(codes, &closed, &hole).len(), 1, "a closed hole must go");
    assert_eq!(codes_without_page(codes, &[]).len(), 1);
    assert_eq!(codes_without_page(codes, &[Source::new("proto/refusals/SP-9999.md", "")]), []);
    assert_eq!(untested_kinds(&["a.b"], &[Source::new("proto/src/a.rs", "a.b")]).len(), 1);
    assert_eq!(untested_kinds(&["a.b"], &[Source::new("proto/src/tests/a.rs", "\"a.b\"")]), []);
}

#[test]
fn exceptions_that_are_not_needed_fail() {
    let listed = [Exception { place: "a.rs", reason: "it may" }];
    let finding = Finding::at("a.rs", 3, "bad");
    assert_eq!(judge(vec![finding.clone()], &listed), []);
    assert_eq!(judge(vec![finding.clone()], &[]), [finding]);
    assert_eq!(judge(Vec::new(), &listed).len(), 1);
}
