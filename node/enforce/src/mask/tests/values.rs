//! Values within messages: each comes out as it does by itself, and all that is around them stays.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A message of cells, as PostgreSQL's `DataRow` has them.
fn message(cells: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = b"D\0\0\0\0\0\0".to_vec();
    for cell in cells {
        match cell {
            None => out.extend_from_slice(&[0xFF; 4]),
            Some(value) => {
                out.extend_from_slice(&u32::try_from(value.len()).expect("short").to_be_bytes());
                out.extend_from_slice(value);
            }
        }
    }
    let length = u32::try_from(out.len() - 1).expect("short").to_be_bytes();
    out[1..5].copy_from_slice(&length);
    out
}

/// A batch of such messages, and the places of their values.
fn batch(messages: &[Vec<Option<Vec<u8>>>], form: Form) -> (Vec<u8>, Vec<Place>) {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for cells in messages {
        let begins = bytes.len();
        let mut at = begins + 7;
        for cell in cells {
            at += 4;
            if let Some(value) = cell {
                let end = at + value.len();
                places.push(Place { start: at, end, message: begins + 1, form });
                at = end;
            }
        }
        bytes.extend_from_slice(&message(cells));
    }
    (bytes, places)
}

fn alone(plan: &Arc<MaskPlan>, value: &[u8]) -> (Vec<u8>, usize) {
    let (masked, findings) = mask_text(plan, Raw::new(value));
    (masked.bytes().to_vec(), findings.len())
}

#[track_caller]
fn check(plan: &Arc<MaskPlan>, masker: &mut ValueMasker, messages: &[Vec<Option<Vec<u8>>>]) {
    let (bytes, places) = batch(messages, Form::Counted);
    let (masked, findings) =
        masker.mask(Bytes::from(bytes.clone()), &places).expect("places are right");
    let mut found = 0;
    let expected: Vec<Vec<_>> = messages
        .iter()
        .map(|cells| {
            let cell = |cell: &Option<Vec<u8>>| {
                let (value, count) = alone(plan, cell.as_ref()?);
                found += count;
                Some(value)
            };
            cells.iter().map(cell).collect()
        })
        .collect();
    let (expected, _) = batch(&expected, Form::Counted);
    assert_eq!(
        String::from_utf8_lossy(masked.bytes()),
        String::from_utf8_lossy(&expected),
        "{messages:?}"
    );
    assert_eq!(findings.len(), found);
}

fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

fn plans() -> Vec<Arc<MaskPlan>> {
    let personal = |action| rule("people", vec![Detect::Class(Class::Personal)], action);
    vec![
        by_default(),
        plan(&[personal(Action::KeepLast(4))], &[]),
        plan(&[personal(Action::Hash)], &[]),
        plan(
            &[personal(Action::Constant("someone".to_owned()))],
            &[known("k", b"known-value-1234")],
        ),
        plan(&[rule("word", vec![Detect::Pattern("^q+x$".to_owned())], Action::Null)], &[]),
    ]
}

#[test]
fn each_value_comes_out_as_it_does_by_itself() {
    let token = format!("ghp_{}", alnum(36));
    let (half, rest) = token.split_at(20);
    for plan in plans() {
        let mut masker = ValueMasker::new(plan.clone());
        let mut check = |messages: &[Vec<Option<Vec<u8>>>]| check(&plan, &mut masker, messages);
        check(&[]);
        check(&[vec![]]);
        check(&[vec![None, some("")]]);
        check(&[vec![some("plain"), some("text")], vec![some("more")]]);
        check(&[vec![some(&token)]]);
        check(&[vec![some("a"), some(&token), some("b"), None], vec![some("c")]]);
        check(&[vec![some("ann@example.com"), some("1")], vec![some("bob@example.com")]]);
        // Halves in two cells are no token, whatever stands between them.
        check(&[vec![some(half), some(rest)]]);
        // A key word in one cell says nothing about the next.
        check(&[
            vec![some("password="), some("plain")],
            vec![some("Password: ")],
            vec![some("x1")],
        ]);
        check(&[vec![some(PEM_BEGIN), some("text"), some(&token)], vec![some("behind")]]);
        check(&[vec![some("known-value-1234"), some("qqx"), some("qqxq"), some("a\nqqx\nb")]]);
        check(&[vec![some("ann@example"), some(".com")]]);
        check(&[vec![some(&"x".repeat(100_000))], vec![some(&token)]]);
    }
}

#[test]
fn what_is_sealed_becomes_no_value() {
    let masked_by = plan(&[rule("p", vec![Detect::Class(Class::Personal)], Action::Redact)], &[]);
    let (bytes, places) = batch(&[vec![some("ann@example.com"), some("plain")]], Form::Sealed);
    let (masked, findings) =
        ValueMasker::new(masked_by).mask(Bytes::from(bytes), &places).expect("places");
    assert_eq!(masked.bytes(), &message(&[None, some("plain")]));
    assert_eq!(findings.len(), 1);
}

#[test]
fn what_is_bare_changes_its_message_only() {
    let hashed = plan(&[rule("p", vec![Detect::Class(Class::Personal)], Action::Hash)], &[]);
    let text = "to ann@example.com";
    let mut bytes = vec![b'd'];
    bytes.extend_from_slice(&u32::try_from(text.len() + 4).expect("short").to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    let place = Place { start: 5, end: bytes.len(), message: 1, form: Form::Bare };
    let masked = ValueMasker::new(hashed.clone()).mask(Bytes::from(bytes), &[place]);
    let (masked, _) = masked.expect("a place");
    let (alone, _) = alone(&hashed, text.as_bytes());
    let length = u32::from_be_bytes(masked.bytes()[1..5].try_into().expect("four"));
    assert_eq!(&masked.bytes()[5..], &alone[..]);
    assert_eq!(length as usize, alone.len() + 4);
}

#[test]
fn places_must_lie_where_they_are_said_to() {
    let place = |start, end, message| Place { start, end, message, form: Form::Counted };
    let mut masker = ValueMasker::new(by_default());
    let mut refused = |places: &[Place]| {
        assert!(masker.mask(Bytes::from(vec![0; 20]), places).is_err(), "{places:?}");
    };
    refused(&[place(3, 5, 0)]);
    refused(&[place(10, 9, 0)]);
    refused(&[place(10, 21, 0)]);
    refused(&[place(10, 12, 8)]);
    refused(&[place(10, 12, 0), place(12, 13, 0)]);
}

#[test]
fn nothing_is_copied_when_nothing_changes() {
    let (bytes, places) = batch(&[vec![some("plain"), some("text")]], Form::Counted);
    let bytes = Bytes::from(bytes);
    let (masked, _) = ValueMasker::new(by_default()).mask(bytes.clone(), &places).expect("places");
    assert_eq!(masked.bytes().as_ptr(), bytes.as_ptr());
}

fn cell() -> impl Strategy<Value = Option<Vec<u8>>> {
    let token = format!("ghp_{}", alnum(36));
    let word = prop_oneof![
        Just(token),
        Just("ann@example.com".to_owned()),
        Just("password=".to_owned()),
        Just("known-value-1234".to_owned()),
        Just("qqx".to_owned()),
        "[ -~\n]{0,12}",
    ];
    proptest::option::weighted(
        0.9,
        proptest::collection::vec(word, 0..3).prop_map(|words| words.concat().into_bytes()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn batches_of_any_values(
        batches in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(cell(), 0..5), 0..5), 1..4),
        which in 0_usize..5,
    ) {
        let plan = plans().swap_remove(which);
        let mut masker = ValueMasker::new(plan.clone());
        for messages in &batches {
            check(&plan, &mut masker, messages);
        }
    }
}
