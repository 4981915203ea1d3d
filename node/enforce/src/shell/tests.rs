//! The tables in `cases/shell`, and properties of reading.
//!
//! A line of a table is `text => names of programs`, and for what cannot be read
//! `text => names ! why`. `⏎` stands for a line break.

use proptest::prelude::*;
use proto::reading::{Program, Reading};

fn shown(reading: &Reading) -> String {
    let names: Vec<&str> =
        reading.programs.iter().map(|program| shown_name(&program.name)).collect();
    match &reading.unreadable {
        Some(why) => format!("{} ! {why}", names.join(" ")).trim().to_owned(),
        None => names.join(" "),
    }
}

fn shown_name(name: &str) -> &str {
    if name.is_empty() { "''" } else { name }
}

fn lines(file: &str) -> Vec<(usize, String, String)> {
    let path = format!("{}/cases/shell/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a table of cases");
    let mut cases = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with("## ") {
            continue;
        }
        let (text, expected) = line.rsplit_once(" =>").expect("a case is `text => expected`");
        cases.push((number + 1, text.replace('⏎', "\n"), expected.trim().to_owned()));
    }
    cases
}

#[track_caller]
fn check(file: &str, at_least: usize, show: impl Fn(&Reading) -> String) {
    let cases = lines(file);
    assert!(cases.len() >= at_least, "{file} has only {} cases", cases.len());
    let mut wrong = Vec::new();
    for (number, text, expected) in cases {
        let found = show(&super::read(text.as_bytes()));
        if found != expected {
            wrong.push(format!(
                "{file}:{number}: {text}\n  expected {expected}\n  found    {found}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_readable() {
    check("readable.txt", 80, shown);
}

#[test]
fn what_is_not() {
    check("unreadable.txt", 90, shown);
}

/// Words and files: `name[argument|argument](operator file)`.
fn in_full(reading: &Reading) -> String {
    let program = |program: &Program| {
        let redirects =
            program.redirects.iter().map(|one| format!("({} {})", one.operator, one.to));
        let words = program.arguments.join("|");
        format!("{}[{words}]{}", program.name, redirects.collect::<String>())
    };
    let programs: Vec<String> = reading.programs.iter().map(program).collect();
    programs.join(" ").replace('\n', "⏎")
}

#[test]
fn words_and_files() {
    check("words.txt", 20, in_full);
}

#[test]
fn what_is_no_text() {
    let check = |text: &[u8], why: &str| {
        let reading = super::read(text);
        assert_eq!(reading.unreadable.as_deref(), Some(why));
        assert!(reading.programs.is_empty());
    };
    check(b"ls \xff", "it is not UTF-8");
    check(b"ls\0; env", "it contains a NUL byte");
    check(&vec![b'a'; super::TEXT_LIMIT + 1], "it is longer than 256 KiB");
    check("ls x;".repeat(super::WORD_LIMIT).as_bytes(), "it has more than 4096 words");
}

/// Texts made to exhaust the stack or the time; each is read, or refused, in bounded time.
#[test]
fn texts_made_to_exhaust() {
    let mut texts: Vec<String> = Vec::new();
    for part in
        ["(", "$(", "`", "((", "$((", "{ ", "${x:-", "\"$(", "if ", "[[ ( ", "case x in (", "! "]
    {
        texts.push(part.repeat(100_000 / part.len()));
    }
    for (open, close) in [
        ("(", ")"),
        ("( ", " )"),
        ("$(", ")"),
        ("((", "))"),
        ("$((", "))"),
        ("$((", ") )"),
        ("{ ", "; }"),
        ("if ", "; then :; fi"),
        ("case x in a) ", " esac"),
        ("[[ ( ", " ) ]]"),
        ("while :; do ", "; done"),
        ("\"$(echo ", ")\""),
        ("${x:-", "}"),
        ("f() { ", "; }"),
        ("case x in a) ( ", ") esac"),
        ("((", ";) )"),
    ] {
        for depth in [8, 15, 16, 31, 32, 33, 1000] {
            let one = format!("{}env{}", open.repeat(depth), close.repeat(depth));
            texts.push(format!("{one};").repeat(20_000 / one.len() + 1));
        }
    }
    texts.push("sh -c ".repeat(40_000));
    texts.push("env ".repeat(4000));
    texts.push("]".repeat(super::TEXT_LIMIT));
    texts.push("=}".repeat(super::TEXT_LIMIT / 2));
    texts.push("{ ".repeat(30) + &"ls >a;".repeat(1000) + &"}".repeat(30));
    texts.push(format!("{{ {} }} {}", "ls;".repeat(1000), ">a ".repeat(1000)));
    texts.push("cat <<A\n".repeat(1000));
    for text in texts {
        let start = std::time::Instant::now();
        let reading = super::read(text.as_bytes());
        let taken = start.elapsed();
        assert!(taken.as_secs() < 10, "{taken:?} for {}…", &text[..40.min(text.len())]);
        assert!(reading.programs.len() <= 4096 * 16);
    }
}

/// A file of a group belongs to each program in it: what is kept of them is bounded.
#[test]
fn files_of_groups_are_bounded() {
    let text = |programs: usize, file: usize| {
        format!("{{ {}}} >{}", "ls;".repeat(programs), "a".repeat(file))
    };
    let kept = |reading: &Reading| -> usize {
        let files = reading.programs.iter().flat_map(|program| &program.redirects);
        files.map(|redirect| redirect.to.len()).sum()
    };
    let few = super::read(text(1000, 8000).as_bytes());
    assert_eq!((few.unreadable.as_deref(), kept(&few)), (None, 8_000_000));
    let many = super::read(text(4000, 200_000).as_bytes());
    let why = "its groups connect too many programs to files with long names";
    assert_eq!((many.unreadable.as_deref(), many.programs.len()), (Some(why), 4000));
    assert!(kept(&many) <= super::READING_LIMIT, "{}", kept(&many));
}

/// The parser recurses at each of these; none of them may overflow the stack of a small thread.
#[test]
fn texts_on_a_small_stack() {
    const STACK_BYTES: usize = 2 * 1024 * 1024;
    const TIMES: usize = 1000;
    for (before, part, behind) in [
        ("[[ ", "! ", "a ]]"),
        ("[[ a || ", "! ", "a ]]"),
        ("[[ ", "! ! ( ", "a ]]"),
        ("[[ ", "! ( ! ]] && ", "a ]]"),
        ("[[ ", "a && ", "a ]]"),
        ("[[ ", "-n a || ! ", "a ]]"),
        ("", "! ", "a"),
        ("", "time ", "a"),
        ("", "coproc ", "a"),
        ("", "function ", "a"),
        ("echo $((", "- ! ~ ", "1))"),
        ("if a; then b; ", "elif a; then b; ", "fi"),
        ("case x in ", "a) b;; ", "esac"),
        ("for x in a; ", "do { ", "a"),
        ("", "a && ", "a"),
        ("", "a | ", "a"),
    ] {
        let text = format!("{before}{}{behind}", part.repeat(TIMES));
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let reading = thread.spawn(move || super::read(text.as_bytes())).expect("a thread");
        assert_eq!(reading.join().expect("no overflow").reader, super::READER);
    }
    let negated = |times| super::read(format!("[[ {}a ]]", "! ".repeat(times)).as_bytes());
    assert_eq!(negated(super::GROUP_LIMIT - 1).unreadable, None);
    let why = negated(super::GROUP_LIMIT).unreadable;
    assert_eq!(why.as_deref(), Some("its parts lie too deep in each other"));
}

/// Groups in groups are read to a depth, and refused behind it: the parser recurses.
#[test]
fn depth_of_groups() {
    let check = |open: &str, close: &str, readable: usize| {
        let deep = |depth| {
            let text = format!("{}env{}", open.repeat(depth), close.repeat(depth));
            super::read(text.as_bytes()).unreadable
        };
        assert_eq!(deep(readable), None, "{open}");
        for depth in [super::GROUP_LIMIT + 1, 100, 600] {
            let why = deep(depth);
            assert_eq!(why.as_deref(), Some("its parts lie too deep in each other"), "{open}");
        }
    };
    let most = super::GROUP_LIMIT;
    check("( ", ")", most);
    check("{ ", "; }", most);
    check("if ", "; then :; fi", most);
    check("while ", "; do :; done", most);
    check("case x in fi) ", "; esac", most);
    check("f() { ", "; }", most);
    // The parentheses of patterns count too.
    check("case x in (a) ", ";; esac", most / 2);
}

/// Five ways to write a program's name that mean the same.
#[test]
fn quoting_changes_nothing() {
    let names = ["env", "printenv", "kubectl", "x-y", "a.b_c"];
    for name in names {
        let (first, rest) = name.split_at(1);
        let octal: String = name.bytes().map(|byte| format!("\\{byte:03o}")).collect();
        let expected = super::read(format!("{name} a 'b c' >f | id").as_bytes());
        assert_eq!(expected.programs[0].name, name);
        for written in [
            format!("'{name}'"),
            format!("\"{name}\""),
            format!("\\{name}"),
            format!("{first}''{rest}"),
            format!("{first}\\\n{rest}"),
            format!("$'{octal}'"),
            format!("/opt/bin/{name}"),
        ] {
            let found = super::read(format!("{written} a b\\ c >f | id").as_bytes());
            assert_eq!(found, expected, "{written}");
        }
    }
}

#[test]
fn masking_reaches_every_word() {
    let mut reading = super::read(b"cp a b >c | d");
    crate::reader::mask_words(&mut reading, &mut |word| format!("<{word}>"));
    assert_eq!(in_full(&reading), "<cp>[<a>|<b>](> <c>) <d>[]");
}

proptest! {
    /// Reading never fails, whatever it is given, and always gives the same.
    #[test]
    fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(super::read(&text), super::read(&text));
    }

    /// Texts of the parts that mean something to shells.
    #[test]
    fn any_parts(parts in proptest::collection::vec(prop::sample::select(PARTS), 0..40)) {
        let text = parts.concat();
        prop_assert_eq!(super::read(text.as_bytes()), super::read(text.as_bytes()));
    }

    /// Whatever stands beside it, a plain program on its own line is found or the text is doubted.
    #[test]
    fn no_program_is_lost(parts in proptest::collection::vec(prop::sample::select(PARTS), 0..20)) {
        let reading = super::read(format!("{}\nprintenv\n", parts.concat()).as_bytes());
        let found = reading.programs.iter().any(|program| program.name == "printenv");
        let text = parts.concat();
        let hidden = text.contains(['\'', '"', '\\', '<', '(', '[', '{', '`', '#'])
            || ["case", "for", "function", "x=", "$'"].iter().any(|part| text.contains(part));
        prop_assert!(found || reading.unreadable.is_some() || hidden, "{}", text);
    }
}

const PARTS: &[&str] = &[
    "'",
    "\"",
    "\\",
    "`",
    "$(",
    "${",
    "$((",
    "((",
    "(",
    ")",
    "))",
    "{",
    "}",
    "[[",
    "]]",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    "\n",
    " ",
    "<",
    ">",
    "<<",
    "<<<",
    "<(",
    ">(",
    "&>",
    "$'",
    "$\"",
    "#",
    "!",
    "*",
    "?",
    "~",
    "=",
    "x=",
    "x",
    "env",
    "sh",
    "-c",
    "if ",
    "then ",
    "fi ",
    "case ",
    " in ",
    "esac ",
    "for ",
    "do ",
    "done ",
    "while ",
    "function ",
    "EOF",
    "1",
    "99999999999999999999",
    "$x",
    "\t",
    "é",
    "time ",
    "coproc ",
    ";;",
    "eval ",
    "[",
    "]",
    ",",
    "..",
    "sudo ",
    "xargs ",
];
