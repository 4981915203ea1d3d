//! What becomes of a find, and of finds that overlap.

use super::*;

fn with(action: Action) -> Arc<MaskPlan> {
    everything(&action)
}

#[test]
fn each_action() {
    let token = format!("ghp_{}", alnum(36));
    let last = &token[36..];
    let pem = concat!("-----BEGIN ", "PRIVATE KEY-----\nab\n-----END PRIVATE KEY-----");
    for (action, input, expected) in [
        (Action::KeepLast(4), format!("x {token} y"), format!("x ghp_{}{last} y", stars(32))),
        (Action::KeepLast(4), "password=abcd x".into(), "password=**** x".into()),
        (Action::KeepLast(2), "password=ab-äß x".into(), "password=***äß x".into()),
        (
            Action::KeepLast(4),
            concat!("4111-1111-", "1111-1111").into(),
            "****-****-****-1111".into(),
        ),
        (Action::KeepLast(2), "ann@ex.org".into(), "***@**.*rg".into()),
        (
            Action::KeepFirst(3),
            format!("x {token} y"),
            format!("x ghp_{}{} y", &token[4..7], stars(33)),
        ),
        (Action::KeepFirst(4), "password=abcd x".into(), "password=**** x".into()),
        (Action::KeepFirst(2), "password=äß-ab x".into(), "password=äß*** x".into()),
        (Action::KeepFirst(0), "password=abcd x".into(), "password=**** x".into()),
        (
            Action::KeepFirst(6),
            concat!("4111-1111-", "1111-1111").into(),
            "4111-11**-****-****".into(),
        ),
        (Action::Null, format!("x {token} y"), "x ghp_ y".into()),
        (Action::Constant("<gone>".into()), "password=abc x".into(), "password=<gone> x".into()),
        (
            Action::Constant("<gone>".into()),
            pem.into(),
            concat!("-----BEGIN ", "PRIVATE KEY-----<gone>-----END PRIVATE KEY-----").into(),
        ),
    ] {
        check(&with(action), &input, &expected);
    }
}

#[test]
fn pseudonyms() {
    let plan = with(Action::Hash);
    let pseudonym = |value: &str| {
        let (masked, _) = every_split(&plan, format!("<{value}>").as_bytes());
        masked[1..masked.len() - 1].to_owned()
    };
    let ann = pseudonym("ann@example.org");
    assert_eq!(ann.len(), 16);
    assert!(ann.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)), "{ann}");
    assert_eq!(ann, pseudonym("Ann@Example.org"));
    assert_ne!(ann, pseudonym("bob@example.org"));
    assert_eq!(
        pseudonym(concat!("4111111111", "111111")),
        pseudonym(concat!("4111 1111 ", "1111 1111")),
    );
    let other = MaskPlan::compile(
        &[rule("all", vec![Detect::Class(Class::Personal)], Action::Hash)],
        &[],
        MaskKey::new([8; 32]),
    );
    let (masked, _) = mask_text(&Arc::new(other.expect("compiles")), Raw::new(b"ann@example.org"));
    assert_ne!(text(masked.bytes()), ann, "the key matters");
}

/// What one mask finds in a text and another replaces in a column is the same within a domain.
#[test]
fn tokens_of_a_domain() {
    let token = |domain: &str, detect: Detect, input: &str| {
        let plan = plan(&[rule("all", vec![detect], Action::Token(domain.to_owned()))], &[]);
        let (masked, findings) = every_split(&plan, format!("<{input}>").as_bytes());
        assert_eq!((findings.len(), findings[0].action), (1, "token"), "{masked}");
        masked[1..masked.len() - 1].to_owned()
    };
    let personal = || Detect::Class(Class::Personal);
    let pattern = || Detect::Pattern("(?i)ann@example.org".to_owned());
    let ann = token("customers", personal(), "ann@example.org");
    assert_eq!(ann, token("customers", personal(), "Ann@example.org"));
    assert_eq!(ann, token("customers", pattern(), "Ann@example.org"));
    assert_ne!(ann, token("staff", personal(), "ann@example.org"));
    assert_ne!(ann, token("customers", personal(), "bob@example.org"));
    let account = |number| token("accounts", Detect::Class(Class::Financial), number);
    assert_eq!(account("GB82WEST12345698765432"), account("GB82 WEST 1234 5698 7654 32"));
    let own = columns::token("customers", "ann@example.org");
    assert_eq!(ann, own, "in a column");
}

#[test]
fn findings_count_masked_bytes() {
    let plan = with(Action::Constant("12345".to_owned()));
    let (masked, findings) = every_split(&plan, b"password=a b=ann@example.org EMP-123456 ");
    assert_eq!(masked, "password=12345 b=12345 [staff] ");
    let places: Vec<_> =
        findings.iter().map(|f| (&*f.detector, &*f.rule, f.action, f.offset, f.length)).collect();
    assert_eq!(
        places,
        [
            ("key-value", "all", "constant", 9, 5),
            ("email", "all", "constant", 17, 5),
            ("pattern:staff", "staff", "constant", 23, 7),
        ]
    );
}

#[test]
fn overlaps_are_united_and_the_strongest_wins() {
    let value = "correct horse battery";
    let outer = |action| {
        let detect = vec![Detect::Pattern(r"\[[^\]]*\]".to_owned())];
        plan(&[rule("outer", detect, action)], &[known("vault", value.as_bytes())])
    };
    let input = format!("a [x {value} y] {value}");
    let (inside, alone) = (stars(value.len() + 6), stars(value.len()));
    check(&outer(Action::Redact), &input, &format!("a {inside} {alone}"));
    check(&outer(Action::Hash), &input, &format!("a {inside} {alone}"));
    check(&outer(Action::KeepLast(3)), &input, &format!("a {inside} {alone}"));
    check(&outer(Action::Constant("c".into())), &input, &format!("a {inside} {alone}"));
    check(&outer(Action::Null), &input, &format!("a  {alone}"));
}
