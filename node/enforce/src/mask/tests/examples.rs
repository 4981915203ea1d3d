//! What the entries of detectors say of themselves is so.

use super::*;

/// Only this detector, and what is on by default.
fn with(info: &DetectorInfo) -> Arc<MaskPlan> {
    let detect = vec![Detect::Detector(info.name.to_owned())];
    plan(&[rule("named", detect, Action::Redact)], &[])
}

#[test]
fn examples_are_found_and_counter_examples_are_not() {
    let mut wrong = Vec::new();
    for info in detectors().iter().filter(|info| info.class.is_some()) {
        let plan = with(info);
        let counts = (info.examples().count(), info.counter_examples().count());
        assert!(counts.0 > 0 && counts.1 > 0, "{} has {counts:?}", info.name);
        for example in info.examples() {
            assert!(example.masked.contains('*'), "{}: {example:?}", info.name);
            let (masked, findings) = every_split(&plan, example.text.as_bytes());
            let own = findings.iter().all(|finding| &*finding.detector == info.name);
            let sure = findings.iter().all(|finding| finding.confidence == info.confidence);
            if masked != example.masked || !own || !sure {
                wrong.push(format!("{}: {masked}\n  of {}\n{findings:?}", info.name, example.text));
            }
        }
        for text in info.counter_examples() {
            let (masked, findings) = every_split(&plan, text.as_bytes());
            if findings.iter().any(|finding| &*finding.detector == info.name) {
                wrong.push(format!("{}: {masked}\n of {text}", info.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
