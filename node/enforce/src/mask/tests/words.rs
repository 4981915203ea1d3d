//! Lists of words: found between other words, at any split, tens of thousands of them.

use super::*;

fn list(words: &[&str], ignore_case: bool) -> WordList {
    let words = words.iter().map(ToString::to_string).collect();
    WordList::compile(words, ignore_case).expect("the words compile")
}

fn with(words: WordList) -> Arc<MaskPlan> {
    plan(&[rule("w", vec![Detect::Words(Arc::new(words))], Action::Redact)], &[])
}

#[test]
fn between_other_words() {
    let words = with(list(&["Falcon", "Project Falcon", "#tag", "Zoë", "C++"], false));
    for (input, expected) in [
        ("a Falcon, Falcons xFalcon Falcon_x", "a ******, Falcons xFalcon Falcon_x"),
        ("Project Falcon Project Falco", "************** Project Falco"),
        ("Project Falcons", "Project Falcons"),
        ("x#tag #tags", "x**** #tags"),
        ("Zoë Zoëë éZoë", "**** Zoëë éZoë"),
        ("C++ C+++", "*** ***+"),
        ("falcon FALCON", "falcon FALCON"),
        ("Fal\ncon", "Fal\ncon"),
    ] {
        check(&words, input, expected);
    }
    let words = with(list(&["Falcon"], true));
    check(&words, "falcon FALCON fAlcons", "****** ****** fAlcons");
}

#[test]
fn tens_of_thousands_of_them() {
    let words: Vec<String> = (0..WORDS_MAX_COUNT).map(|at| format!("name-{at:05}")).collect();
    let words = with(WordList::compile(words, false).expect("as many as there may be"));
    check(&words, "a name-00000 b name-49999, name-50000", "a ********** b **********, name-50000");
    let text = "name-0000 name-1 words of a line, ".repeat(3000);
    let whole = feed(&words, [text.as_bytes()]);
    assert_eq!(whole.0, text.as_bytes());
    assert_eq!(feed(&words, text.as_bytes().chunks(7)), whole);
}

#[test]
fn what_is_held_is_a_word_at_most() {
    let mut masker = Masker::new(with(list(&["Falcon", "Fa la la"], false)));
    let mut feed = |bytes: &str| {
        let window = masker.feed(Raw::new(bytes.as_bytes()));
        (text(window.client.bytes()), masker.held())
    };
    assert_eq!(feed("a Fa"), ("a ".to_owned(), 2));
    assert_eq!(feed("lcon"), (String::new(), 6));
    assert_eq!(feed(" x"), ("****** x".to_owned(), 0));
    assert_eq!(feed("yz Fa la"), ("yz ".to_owned(), 5));
    assert_eq!(feed(".\n"), ("Fa la.\n".to_owned(), 0));
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    let compile = |words: &[String]| WordList::compile(words.to_vec(), false).map(drop);
    let word = || "word".to_owned();
    assert_eq!(compile(&[]), Err(WordError::Count(0)));
    let many = vec![word(); WORDS_MAX_COUNT + 1];
    assert_eq!(compile(&many), Err(WordError::Count(WORDS_MAX_COUNT + 1)));
    assert_eq!(compile(&[word(), "ab".to_owned()]), Err(WordError::Length(1)));
    assert_eq!(compile(&["x".repeat(WORD_MAX_BYTES + 1)]), Err(WordError::Length(0)));
    assert_eq!(compile(&[word(), word(), "a\nb".to_owned()]), Err(WordError::Control(2)));
    assert_eq!(check_pattern("a+"), Ok(()));
    assert!(check_pattern(&"a".repeat(2000)).expect_err("too long").contains("2000 bytes"));
    assert!(check_pattern(r"(\w{100}){1000}").is_err());
    assert_eq!(format!("{:?}", list(&["Falcon"], false)), "WordList(1 words)");
}
