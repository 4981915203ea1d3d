//! A command of a PostgreSQL target: the text, for the extended protocol the parameters, and what
//! the text is said in where its meaning depends on it.
//!
//! Its bytes are perhaps [`Circumstances`], the SQL text, then perhaps a NUL byte and the raw body
//! of the Bind message (PostgreSQL's documentation, 54.7): a NUL cannot be in SQL text. What is
//! shown of it is masked: the text, each parameter, and nothing that was not through the masker.

use std::sync::Arc;

use super::circumstances::Circumstances;
use super::values;
use crate::mask::MaskPlan;
use crate::reader::Shown;

/// A command, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlCommand<'a> {
    /// What the text is said in.
    pub circumstances: Circumstances<'a>,
    /// The SQL text.
    pub text: &'a [u8],
    /// What is bound to its parameters; absent in the simple protocol.
    pub bind: Option<Bind<'a>>,
}

/// The body of a Bind message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The prepared statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// Formats of the parameters: none, one for all, or one each; 1 is binary.
    pub formats: Vec<i16>,
    /// The values; none is null.
    pub values: Vec<Option<&'a [u8]>>,
    /// Formats of the result's columns.
    pub result_formats: Vec<i16>,
}

impl<'a> SqlCommand<'a> {
    /// Takes a command apart; nothing when what is behind the text is not the body of a Bind.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (circumstances, bytes) = Circumstances::cut(bytes)?;
        match memchr::memchr(0, bytes) {
            None => Some(Self { circumstances, text: bytes, bind: None }),
            Some(end) => {
                let bind = Bind::parse(&bytes[end + 1..])?;
                Some(Self { circumstances, text: &bytes[..end], bind: Some(bind) })
            }
        }
    }
}

impl<'a> Bind<'a> {
    /// Reads a body to its last byte.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut rest = body;
        let (portal, statement) = (string(&mut rest)?, string(&mut rest)?);
        let formats = numbers(&mut rest)?;
        let count = usize::from(u16::from_be_bytes(take(&mut rest)?));
        // A count alone makes nothing grow: each value has four bytes at least.
        let mut values = Vec::with_capacity(count.min(rest.len() / 4));
        for _ in 0..count {
            values.push(match i32::from_be_bytes(take(&mut rest)?) {
                -1 => None,
                length => Some(rest.split_off(..usize::try_from(length).ok()?)?),
            });
        }
        let result_formats = numbers(&mut rest)?;
        let fits = formats.len() <= 1 || formats.len() == values.len();
        (rest.is_empty() && fits).then_some(Self {
            portal,
            statement,
            formats,
            values,
            result_formats,
        })
    }

    /// Whether a parameter, counted from 0, is in binary format.
    #[must_use]
    pub fn is_binary(&self, at: usize) -> bool {
        let format =
            if self.formats.len() == 1 { self.formats.first() } else { self.formats.get(at) };
        format.is_some_and(|format| *format != 0)
    }
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr::memchr(0, rest)?;
    let text = rest.split_off(..end)?;
    rest.split_off_first()?;
    Some(text)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn numbers(rest: &mut &[u8]) -> Option<Vec<i16>> {
    let count = usize::from(u16::from_be_bytes(take(rest)?));
    let bytes = rest.split_off(..count * 2)?;
    Some(bytes.chunks_exact(2).map(|two| i16::from_be_bytes([two[0], two[1]])).collect())
}

/// The masked text and, below it, a line for each parameter: `$1 = 'text'::varchar`.
pub(crate) fn shown(plan: &Arc<MaskPlan>, bytes: &[u8]) -> Shown {
    let Some(command) = SqlCommand::parse(bytes) else {
        let text = memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end]);
        let mut shown = Shown::of(plan, text);
        shown.text.push_str("\n-- parameters that cannot be read");
        shown.exact = false;
        return shown;
    };
    let mut shown = Shown::of(plan, command.text);
    command.show_bound(plan, &mut shown);
    command.circumstances.show(plan, &mut shown);
    shown
}

impl SqlCommand<'_> {
    /// Adds the lines of its parameters.
    pub(crate) fn show_bound(&self, plan: &Arc<MaskPlan>, shown: &mut Shown) {
        if let Some(bind) = &self.bind {
            values::show(plan, bind, &self.circumstances.types, shown);
        }
    }
}

/// A text in quotes, on one line whatever it holds.
pub(super) fn quoted(text: &str) -> String {
    let special = |letter: char| letter.is_control() || letter == '\\';
    let mut line = if text.contains(special) { "E'".to_owned() } else { "'".to_owned() };
    for letter in text.chars() {
        match letter {
            '\'' => line.push_str("''"),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            letter if letter.is_control() => {
                line.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => line.push(letter),
        }
    }
    line.push('\'');
    line
}

/// A shown command without the lines of its parameters: what can be read as SQL again.
#[must_use]
pub fn without_parameters(shown: &str) -> &str {
    let mut text = shown;
    let mut expected = None;
    while let Some((before, line)) = text.rsplit_once('\n') {
        let number = line.strip_prefix('$').and_then(|line| line.split_once(" = "));
        let number = number.and_then(|(number, _)| number.parse::<usize>().ok());
        match number {
            Some(number) if expected.is_none_or(|expected| number == expected) && number > 0 => {
                expected = Some(number - 1);
                text = before;
                if number == 1 {
                    return text;
                }
            }
            _ if expected.is_none() && line.starts_with("-- ") => text = before,
            _ => break,
        }
    }
    shown
}
