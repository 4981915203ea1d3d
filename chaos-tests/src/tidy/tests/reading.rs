//! What the rules stand on: which files are read, and the small reader of Rust.

use std::fs;

use tempfile::TempDir;

use crate::tidy::rust::{Function, blank, functions};
use crate::tidy::sources::read_all;

#[test]
fn what_was_built_or_run_is_not_read() {
    let folder = TempDir::new().unwrap();
    for file in ["a.rs", "b/c.md", "target/d.rs", "b/.sallyport/e"] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
    }
    fs::write(folder.path().join(".git"), "gitdir: as in a worktree").unwrap();
    let read = read_all(folder.path()).unwrap();
    let paths: Vec<_> = read.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["a.rs", "b/c.md"]);
}

#[track_caller]
fn check(text: &str, blanked: &str) {
    let got: Vec<_> = blank(text).split_whitespace().map(str::to_owned).collect();
    let wanted: Vec<_> = blanked.split_whitespace().map(str::to_owned).collect();
    assert_eq!(got, wanted, "of {text:?}");
    assert_eq!(blank(text).lines().count(), text.lines().count(), "lines of {text:?}");
}

#[test]
fn comments_and_literals_are_blanked() {
    check("a // b\nc", "a\nc");
    check("a /* b /* c */ d */ e", "a e");
    check("f(\"x { \\\" }\", y)", "f( , y)");
    check("f(r#\"a \" b\"#, c)", "f( , c)");
    check("f(br\"a\", b\"c\", c\"d\")", "f( , , )");
    check("let brr = crab(b);", "let brr = crab(b);");
    check("'{' '\\'' '\\u{7b}' <'a> 'static", "<'a> 'static");
    check("x(\"a\nb\")", "x(\n)");
    check("//! a\n\n/// b\nfn c() {}", "\n\n\nfn c() {}");
}

#[track_caller]
fn check_functions(text: &str, wanted: &[(&str, usize, usize)]) {
    let function = |(name, line, lines): &(&str, usize, usize)| Function {
        name: (*name).to_owned(),
        line: *line,
        lines: *lines,
    };
    let wanted: Vec<_> = wanted.iter().map(function).collect();
    assert_eq!(functions(&blank(text)), wanted, "of {text}");
}

#[test]
fn functions_are_found_and_measured() {
    check_functions("fn a() {}", &[("a", 1, 1)]);
    check_functions(
        "pub fn a(\n x: [u8; 3],\n) -> u8 {\n 1\n}\nfn b() {\n}",
        &[("a", 1, 5), ("b", 6, 2)],
    );
    check_functions("trait T { fn a(&self); fn b(&self) { } }", &[("b", 1, 1)]);
    check_functions("fn a() {\n fn b() {\n }\n}", &[("a", 1, 4), ("b", 2, 2)]);
    check_functions("let f: fn (u8) = g; // fn c() {}", &[]);
}
