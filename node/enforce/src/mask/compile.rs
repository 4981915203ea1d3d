//! The compiled plan: everything that all streams under one policy share, read-only.
//!
//! Compiling must refuse what it cannot hold to its limits; it must never drop a rule in silence.

use std::sync::Arc;

use super::detector::{Confidence, detectors};
use super::known::KnownForms;
use super::marks::Marks;
use super::pattern::Pattern;
use super::plan::{Action, Class, Detect, KnownValue, MaskKey, MaskRule};
use super::select::{self, Defaults};
use super::spans::strength;
use super::words::WordList;
use crate::policy::{ColumnMask, Uploads};

/// Most rules in one plan.
pub const RULES_MAX_COUNT: usize = 1024;
/// Most user patterns in one plan.
pub const PATTERN_MAX_COUNT: usize = 64;
/// Most lists of words in one plan: each is looked for by itself.
pub const WORD_LISTS_MAX_COUNT: usize = 16;
/// Longest user pattern as written. Bytes.
pub const PATTERN_MAX_BYTES: usize = 1024;
/// Longest constant that may replace a value. Bytes.
pub const CONSTANT_MAX_BYTES: usize = 256;
/// Most known values in one plan.
pub const KNOWN_MAX_COUNT: usize = 256;
/// Longest known value; its longest form is six times as long. Bytes.
pub const KNOWN_MAX_BYTES: usize = 640;
/// Shorter known values are not looked for, since they occur by chance. Bytes.
pub const KNOWN_MIN_BYTES: usize = 8;

/// What is done with the finds of one detector, pattern or known value.
#[derive(Clone, Debug)]
pub(super) struct Treatment {
    pub detector: Arc<str>,
    pub rule: Arc<str>,
    pub action: Action,
    pub class: Option<Class>,
    pub confidence: Confidence,
    /// What it finds may stand in YAML without quotes, where no star may come first.
    pub yaml: bool,
}

/// Why rules cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A user pattern is no regular expression, needs too much memory, or could cut UTF-8.
    #[error("mask `{rule}`: bad pattern: {reason}")]
    BadPattern {
        /// The rule that has it.
        rule: Arc<str>,
        /// What the regex compiler says.
        reason: String,
    },
    /// A rule names a detector that does not exist.
    #[error("mask `{rule}`: there is no detector `{name}`")]
    UnknownDetector {
        /// The rule that names it.
        rule: Arc<str>,
        /// The name as written.
        name: String,
    },
    /// There are more of something than a plan may have.
    #[error("{count} {what}; at most {limit} are allowed")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Something is longer than a plan allows.
    #[error("`{name}`: {what} of {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// The rule, or the label of the known value.
        name: Arc<str>,
        /// What is too long.
        what: &'static str,
        /// How long it is. Bytes.
        bytes: usize,
        /// How long it may be. Bytes.
        limit: usize,
    },
}

/// Rules and known values, compiled. Shared by all streams through an [`Arc`].
pub struct MaskPlan {
    /// Behind that of a built-in detector is that of what it finds with wrong check digits.
    pub(super) treatments: Vec<Treatment>,
    pub(super) key: MaskKey,
    pub(super) marks: Arc<Marks>,
    pub(super) known: Option<Arc<KnownForms>>,
    pub(super) patterns: Vec<Arc<Pattern>>,
    /// Lists of words with their treatments.
    pub(super) words: Vec<(Arc<WordList>, u16)>,
    /// All actions give `*` byte by byte, so that nothing waits for the end of a value.
    pub(super) eager: bool,
    too_short: Vec<Arc<str>>,
    pub(super) columns: Vec<ColumnMask>,
    /// What files that are sent to a target may not hold.
    uploads: Option<Arc<MaskPlan>>,
}

impl std::fmt::Debug for MaskPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MaskPlan({} treatments)", self.treatments.len())
    }
}

impl MaskPlan {
    /// Compiles what a stream shall be masked by.
    ///
    /// # Errors
    /// [`PlanError`] for a bad pattern, an unknown detector, or a limit passed.
    pub fn compile(
        rules: &[MaskRule],
        known: &[KnownValue],
        key: MaskKey,
    ) -> Result<Self, PlanError> {
        check_limits(rules, known)?;
        select::check_names(rules)?;
        let barred: Vec<_> =
            rules.iter().filter(|rule| rule.uploads == Uploads::Block).cloned().collect();
        let uploads = if barred.is_empty() {
            None
        } else {
            Some(Arc::new(Self::of(&barred, &[], key.clone(), Defaults::Off)?))
        };
        Ok(Self { uploads, ..Self::of(rules, known, key, Defaults::On)? })
    }

    fn of(
        rules: &[MaskRule],
        known: &[KnownValue],
        key: MaskKey,
        defaults: Defaults,
    ) -> Result<Self, PlanError> {
        let mut treatments = Vec::new();
        let mut selected = Vec::new();
        for info in detectors().iter().filter(|info| info.class.is_some()) {
            if let Some(treatment) = select::treatment(info, rules, defaults) {
                let doubtful = Treatment { confidence: Confidence::Low, ..treatment.clone() };
                selected.push((info.name, push(&mut treatments, treatment)));
                push(&mut treatments, doubtful);
            }
        }
        let of = |name: &str| selected.iter().find(|(n, _)| *n == name).map(|(_, t)| *t);
        let patterns = compile_patterns(rules, &mut treatments)?;
        let words = collect_words(rules, &mut treatments);
        let mut guarded = Vec::new();
        let mut too_short = Vec::new();
        for value in known {
            if value.value.len() < KNOWN_MIN_BYTES {
                too_short.push(value.label.clone());
                continue;
            }
            let treatment = push(&mut treatments, select::known_treatment(value, rules));
            guarded.push((value.value.as_slice(), treatment));
        }
        let eager = treatments.iter().all(|t| strength(&t.action) == strength(&Action::Redact));
        Ok(Self {
            marks: Arc::new(Marks::compile(&of)),
            known: KnownForms::compile(&guarded).map(Arc::new),
            patterns,
            words,
            treatments,
            key,
            eager,
            too_short,
            columns: Vec::new(),
            uploads: None,
        })
    }

    /// What is looked for in files that are sent to a target; nothing when that is nobody's wish.
    #[must_use]
    pub fn uploads(&self) -> Option<&Arc<Self>> {
        self.uploads.as_ref()
    }

    /// The labels of known values shorter than [`KNOWN_MIN_BYTES`], which are not looked for.
    #[must_use]
    pub fn too_short(&self) -> &[Arc<str>] {
        &self.too_short
    }
}

fn push(treatments: &mut Vec<Treatment>, treatment: Treatment) -> u16 {
    treatments.push(treatment);
    u16::try_from(treatments.len() - 1).expect("the limits on rules and values are below 65536")
}

fn compile_patterns(
    rules: &[MaskRule],
    treatments: &mut Vec<Treatment>,
) -> Result<Vec<Arc<Pattern>>, PlanError> {
    let mut patterns = Vec::new();
    for rule in rules.iter().filter(|rule| rule.action != Action::None) {
        for detect in &rule.detect {
            let Detect::Pattern(source) = detect else {
                continue;
            };
            let index = push(treatments, own_treatment("pattern", rule));
            let pattern = Pattern::compile(source, index)
                .map_err(|reason| PlanError::BadPattern { rule: rule.name.clone(), reason })?;
            patterns.push(Arc::new(pattern));
        }
    }
    Ok(patterns)
}

/// The treatment of what a rule has for a detector of its own.
fn own_treatment(kind: &str, rule: &MaskRule) -> Treatment {
    Treatment {
        detector: Arc::from(format!("{kind}:{}", rule.name)),
        rule: rule.name.clone(),
        action: rule.action.clone(),
        class: None,
        confidence: Confidence::Medium,
        yaml: false,
    }
}

fn collect_words(rules: &[MaskRule], treatments: &mut Vec<Treatment>) -> Vec<(Arc<WordList>, u16)> {
    let mut words = Vec::new();
    for rule in rules.iter().filter(|rule| rule.action != Action::None) {
        for detect in &rule.detect {
            if let Detect::Words(list) = detect {
                words.push((Arc::clone(list), push(treatments, own_treatment("words", rule))));
            }
        }
    }
    words
}

fn check_limits(rules: &[MaskRule], known: &[KnownValue]) -> Result<(), PlanError> {
    let patterns = || {
        rules.iter().flat_map(|rule| {
            rule.detect.iter().filter_map(move |detect| match detect {
                Detect::Pattern(source) => Some((rule, source)),
                _ => None,
            })
        })
    };
    at_most("rules", rules.len(), RULES_MAX_COUNT)?;
    at_most("patterns", patterns().count(), PATTERN_MAX_COUNT)?;
    let lists = rules.iter().flat_map(|rule| &rule.detect);
    let lists = lists.filter(|detect| matches!(detect, Detect::Words(_))).count();
    at_most("lists of words", lists, WORD_LISTS_MAX_COUNT)?;
    at_most("known values", known.len(), KNOWN_MAX_COUNT)?;
    for (rule, source) in patterns() {
        no_longer(&rule.name, "a pattern", source.len(), PATTERN_MAX_BYTES)?;
    }
    for rule in rules {
        if let Action::Constant(text) = &rule.action {
            no_longer(&rule.name, "a constant", text.len(), CONSTANT_MAX_BYTES)?;
        }
    }
    for value in known {
        no_longer(&value.label, "a known value", value.value.len(), KNOWN_MAX_BYTES)?;
    }
    Ok(())
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), PlanError> {
    if count <= limit { Ok(()) } else { Err(PlanError::TooMany { what, count, limit }) }
}

fn no_longer(
    name: &Arc<str>,
    what: &'static str,
    bytes: usize,
    limit: usize,
) -> Result<(), PlanError> {
    if bytes <= limit {
        return Ok(());
    }
    Err(PlanError::TooLong { name: name.clone(), what, bytes, limit })
}
