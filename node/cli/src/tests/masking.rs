//! What the report of masking says, and what it must not say.

use std::sync::Arc;

use node_enforce::mask::{MaskKey, MaskPlan, Masker, Raw};

use crate::commands::mask::report::Report;

#[test]
fn a_report_says_where_and_never_what() {
    let plan = MaskPlan::compile(&[], &[], MaskKey::new([0; 32])).expect("the defaults compile");
    let mut masker = Masker::new(Arc::new(plan));
    let mut out = Vec::new();
    let mut report = Report::new(Some(&mut out));
    for chunk in ["a\nb pass", "word=hun", "ter2\nc\n"] {
        report.take(&masker.feed(Raw::new(chunk.as_bytes()))).expect("a report");
    }
    report.take(&masker.finish()).expect("a report");
    let summary = report.finish().expect("a summary");
    assert_eq!(summary, "masked 7 of 23 bytes in 1 places: key-value 1");
    let expected = "{\"line\":2,\"column\":12,\"offset\":13,\"length\":7,\"detector\":\"key-value\",\
                    \"rule\":\"default\",\"action\":\"redact\",\"confidence\":\"medium\"}\n";
    assert_eq!(String::from_utf8(out).expect("it is text"), expected);
}
