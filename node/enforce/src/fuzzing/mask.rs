//! A stream, before the masker.

use std::sync::{Arc, OnceLock};

use crate::mask::{
    Action, Detect, Finding, HOLD_LIMIT, KnownValue, MaskKey, MaskPlan, MaskRule, Masker, Raw,
    Window, WordList, detectors,
};

/// What the gateway itself holds.
const KNOWN: &str = "correct horse battery";
/// The body of a token, in two parts for the sake of scanners.
const BODY: [&str; 2] = ["Q2EGYBHD5ZJKW3XRtu", "9bVn4mLp8cDe1fGh7s"];

/// What is done with a stream, and whether each byte of it stays one.
struct Plan {
    plan: Arc<MaskPlan>,
    redacts: bool,
}

/// What came out of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Output {
    client: Vec<u8>,
    findings: Vec<Finding>,
}

fn plans() -> &'static [Plan] {
    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();
    PLANS.get_or_init(|| {
        let actions = [
            Action::Redact,
            Action::KeepLast(4),
            Action::KeepFirst(3),
            Action::Hash,
            Action::Token("people".to_owned()),
            Action::Constant("gone".to_owned()),
            Action::Null,
        ];
        let mut plans = vec![plan(&[], true)];
        for action in actions {
            let redacts = action == Action::Redact;
            plans.push(plan(&everything(&action), redacts));
        }
        plans
    })
}

fn plan(rules: &[MaskRule], redacts: bool) -> Plan {
    let value = Arc::new(zeroize::Zeroizing::new(KNOWN.as_bytes().to_vec()));
    let known = [KnownValue { label: "vault".into(), value }];
    let plan = MaskPlan::compile(rules, &known, MaskKey::new([1; 32]));
    Plan { plan: Arc::new(plan.expect("rules that compile")), redacts }
}

/// All detectors, a pattern and a list of words.
fn everything(action: &Action) -> Vec<MaskRule> {
    let named = detectors().iter().filter(|info| info.class.is_some());
    let mut detect: Vec<_> = named.map(|info| Detect::Detector(info.name.to_owned())).collect();
    detect.push(Detect::Pattern(r"EMP-\d{6}\b".to_owned()));
    let words = WordList::compile(vec!["Ann Archer".to_owned(), "Project X".to_owned()], true);
    detect.push(Detect::Words(Arc::new(words.expect("words"))));
    vec![MaskRule::new("all", detect, action.clone())]
}

/// Puts a stream through the masker; the first byte chooses what is masked, the second how the
/// stream is cut, the third where a secret is put into it.
///
/// # Panics
/// When something is not as it must be.
pub fn mask(bytes: &[u8]) {
    let [choice, cuts, place, stream @ ..] = bytes else { return };
    let plan = &plans()[usize::from(*choice) % plans().len()];
    let token = format!("ghp_{}{}", BODY[0], BODY[1]);
    let secret = if choice & 0x80 == 0 { KNOWN } else { &token };
    let at = beside_sequences(stream, stream.len() * usize::from(*place) / 0xff);
    let input = [&stream[..at], b" ", secret.as_bytes(), b" ", &stream[at..]].concat();
    let whole = masked(plan, [&input[..]], false);
    assert_eq!(masked(plan, pieces(&input, *cuts), false), whole, "another cut");
    let paused = masked(plan, pieces(&input, *cuts), true);
    for out in [&whole, &paused] {
        in_order(out);
        let times = |bytes: &[u8]| {
            bytes.windows(secret.len()).filter(|window| *window == secret.as_bytes()).count()
        };
        // The stream may have had it in a terminal's sequence, where it is no text.
        let shown = String::from_utf8_lossy(&out.client);
        assert!(times(&out.client) <= times(stream), "{secret} comes out: {shown}");
        if plan.redacts {
            redacted(&input, out);
        }
    }
}

/// The place, or a later one at the start of a line, when it may lie in a terminal's sequence: what
/// stands in one is no text, and its first letters may end it.
fn beside_sequences(stream: &[u8], at: usize) -> usize {
    let line = stream[..at].split(|byte| *byte == b'\n').next_back().unwrap_or_default();
    if !line.contains(&0x1b) {
        return at;
    }
    let next = stream[at..].iter().position(|byte| *byte == b'\n');
    next.map_or(0, |next| at + next + 1)
}

/// The same in pieces of up to 40 bytes, of lengths that follow from `cuts`.
fn pieces(input: &[u8], cuts: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (input, u32::from(cuts));
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = 1 + (state >> 16) as usize % (1 + usize::from(cuts) % 40);
        let piece = rest.split_off(..length.min(rest.len()))?;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What comes out of pieces, with a quiet while behind each or without.
fn masked<'a>(plan: &Plan, pieces: impl IntoIterator<Item = &'a [u8]>, pauses: bool) -> Output {
    let mut masker = Masker::new(Arc::clone(&plan.plan));
    let mut output = Output { client: Vec::new(), findings: Vec::new() };
    let mut take = |window: Window| {
        assert_eq!(window.client, window.record, "without timers both are equal");
        output.client.extend_from_slice(window.client.bytes());
        output.findings.extend(window.findings.iter());
    };
    for piece in pieces {
        take(masker.feed(Raw::new(piece)));
        assert!(masker.held() <= HOLD_LIMIT, "{} bytes are held", masker.held());
        if pauses && let Some(window) = masker.quiet() {
            take(window);
        }
    }
    take(masker.finish());
    assert_eq!(masker.held(), 0, "nothing is held behind the end");
    output
}

/// Findings lie one behind the other within what came out.
fn in_order(out: &Output) {
    let mut at = 0;
    for finding in &out.findings {
        assert!(finding.offset >= at, "{finding:?} begins before {at}");
        at = finding.offset + finding.length;
    }
    assert!(at <= out.client.len() as u64, "a finding ends behind the stream");
}

/// Each byte is one; those of findings are stars or what stands aside of text, the others as they
/// came.
fn redacted(input: &[u8], out: &Output) {
    assert_eq!(out.client.len(), input.len(), "a byte stays one");
    let aside = input.iter().any(|byte| byte.is_ascii_control());
    let mut findings = out.findings.iter().peekable();
    for (at, (came, went)) in input.iter().zip(&out.client).enumerate() {
        let at = at as u64;
        while findings.next_if(|finding| finding.offset + finding.length <= at).is_some() {}
        let found = findings.peek().is_some_and(|finding| finding.offset <= at);
        // No star may come first in YAML.
        let star = matches!(went, b'*' | b'x');
        let fits = if found { star || aside && came == went } else { came == went };
        assert!(fits, "byte {at}: {came:#04x} became {went:#04x}");
    }
}
