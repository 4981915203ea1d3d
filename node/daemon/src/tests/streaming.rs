//! What is told of each fault of the stream.

use proto::ids::{Chain, Digest};
use proto::refusal::Code;
use store_jetstream::{Difference, Fault};

use crate::streaming::told;

#[track_caller]
fn check(fault: Fault, code: Code, says: &str) {
    let told = told(&fault);
    assert_eq!(told.code, code, "{fault}");
    assert!(told.text.contains(says), "{:?} does not say {says:?}", told.text);
}

#[test]
fn each_fault_has_its_code() {
    let text = |text: &str| text.to_owned();
    let chain = || Chain::Control;
    check(Fault::Unreachable(text("refused")), Code::StreamDown, "refused");
    check(Fault::Silent, Code::StreamDown, "did not answer in time");
    check(Fault::Refused(text("no")), Code::StreamDown, "refuses: no");
    check(Fault::Unauthorized(text("violation")), Code::StreamWrong, "credentials: violation");
    check(Fault::Missing(text("S")), Code::StreamWrong, "sallyport events provision");
    let (field, is, wanted) = (text("discard"), text("\"old\""), text("\"new\""));
    let differences = vec![Difference { field, is, wanted }];
    let wrong = Fault::Misconfigured { stream: text("S"), differences };
    check(wrong, Code::StreamWrong, "discard is \"old\", expected \"new\"");
    check(Fault::TooOld { is: text("2.9.10") }, Code::StreamTooOld, "2.9.10");
    check(Fault::Full(text("maximum bytes exceeded")), Code::StreamFull, "maximum bytes");
    let (ours, theirs) = (Digest([1; 32]), Digest([2; 32]));
    let forked = Fault::Forked { chain: chain(), seq: 7, ours, theirs };
    check(forked, Code::StreamForked, "control/7");
    check(Fault::Ahead { chain: chain(), ours: 3, theirs: 9 }, Code::StreamForked, "up to 9");
    check(Fault::Foreign { chain: chain(), sequence: 4 }, Code::StreamForked, "message 4");
    check(Fault::Gone { chain: chain(), from: 1, to: 5 }, Code::RecordDamaged, "1 to 5");
    check(Fault::Hole { chain: chain(), seq: 6 }, Code::StreamLacks, "lacks control/6");
    check(Fault::Credentials(text("no seed")), Code::ConfigurationWrong, "no seed");
}
