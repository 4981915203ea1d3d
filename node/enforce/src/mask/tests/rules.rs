//! Which rule switches what, and which plans are refused.

use super::*;

const INPUT: &str = "password=abc correct horse battery";

fn rules_and(rules: &[MaskRule]) -> Arc<MaskPlan> {
    plan(rules, &[known("vault", b"correct horse battery")])
}

#[test]
fn defaults_and_what_switches_them_off() {
    let class = |class, action| rule("r", vec![Detect::Class(class)], action);
    let named = |name: &str, action| rule("n", vec![Detect::Detector(name.to_owned())], action);
    let known = stars(21);
    for (rules, expected) in [
        (vec![], format!("password=*** {known}")),
        (vec![class(Class::Credentials, Action::None)], format!("password=abc {known}")),
        (vec![named("key-value", Action::None)], format!("password=abc {known}")),
        (vec![class(Class::Secrets, Action::None)], format!("password=*** {known}")),
        (vec![named("known-value", Action::None)], format!("password=*** {known}")),
        (vec![named("known-value", Action::Hash)], format!("password=*** {known}")),
        (vec![named("known-value", Action::Null)], "password=*** ".to_owned()),
        (
            vec![class(Class::Credentials, Action::None), named("key-value", Action::Redact)],
            format!("password=*** {known}"),
        ),
        (
            vec![class(Class::Credentials, Action::Hash), named("key-value", Action::Null)],
            format!("password= {known}"),
        ),
        (
            vec![class(Class::Credentials, Action::Constant("-".into()))],
            format!("password=- {known}"),
        ),
    ] {
        let (masked, _) = every_split(&rules_and(&rules), INPUT.as_bytes());
        assert_eq!(masked, expected, "{rules:?}");
    }
}

#[test]
fn findings_name_rule_and_label() {
    let detect = vec![Detect::Class(Class::Credentials)];
    let plan = rules_and(&[rule("mine", detect, Action::Redact)]);
    let (_, findings) = every_split(&plan, INPUT.as_bytes());
    let rules: Vec<_> = findings.iter().map(|f| (&*f.detector, &*f.rule)).collect();
    assert_eq!(rules, [("key-value", "mine"), ("known-value", "vault")]);
}

#[track_caller]
fn refused(rules: &[MaskRule], values: &[KnownValue], message: &str) {
    let error = MaskPlan::compile(rules, values, key()).expect_err("the plan is refused");
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn plans_that_are_refused() {
    let pattern =
        |source: &str| [rule("p", vec![Detect::Pattern(source.to_owned())], Action::Redact)];
    refused(&pattern("("), &[], "mask `p`: bad pattern: ");
    refused(&pattern(r"(?-u:\xFF)"), &[], "bad pattern");
    refused(&pattern(r"\w{500}{500}"), &[], "bad pattern");
    refused(&pattern(&"a".repeat(PATTERN_MAX_BYTES + 1)), &[], "a pattern of 1025 bytes");
    refused(
        &[rule("d", vec![Detect::Detector("nothing".to_owned())], Action::Redact)],
        &[],
        "mask `d`: there is no detector `nothing`",
    );
    let constant = Action::Constant("c".repeat(CONSTANT_MAX_BYTES + 1));
    refused(&[rule("c", vec![], constant)], &[], "a constant of 257 bytes");
    let many = vec![rule("r", vec![], Action::Redact); RULES_MAX_COUNT + 1];
    refused(&many, &[], "1025 rules; at most 1024");
    let detect = vec![Detect::Pattern("x".to_owned()); PATTERN_MAX_COUNT + 1];
    refused(&[rule("p", detect, Action::Redact)], &[], "65 patterns");
    refused(&[], &vec![known("k", b"12345678"); KNOWN_MAX_COUNT + 1], "257 known values");
    refused(&[], &[known("k", &[b'x'; KNOWN_MAX_BYTES + 1])], "`k`: a known value of 641 bytes");
}

#[test]
fn short_known_values_are_reported() {
    let plan = plan(&[], &[known("short", b"1234567"), known("long", b"12345678")]);
    assert_eq!(plan.too_short().iter().map(|l| &**l).collect::<Vec<_>>(), ["short"]);
    check(&plan, "1234567 12345678", "1234567 ********");
}
