//! Conditions: compiled, and judged with three outcomes.
//!
//! What looks at a command's raw text is judged once, when it is read; its outcome is in the
//! reading under the condition's own words. From then on nothing here sees raw text.

use globset::GlobMatcher;
use proto::reading::{Program, Reading, Redirect};
use proto::target::TargetKind;
use proto::time::Moment;

use super::files::Files;
use super::forward::Forward;
use super::grants::{TargetFacts, Who};
use super::sql::Sql;
use crate::decide::Facts;
use crate::files::PUSH_READER;
use crate::shell::{OpenWord, OpenWords};

/// Whether a condition holds; the order is that of AND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// It does not.
    False,
    /// It cannot be known, because a part of the command cannot be read.
    Unknown,
    /// It does.
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

/// What part of a command a condition is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: some program must satisfy a shell condition.
    Whole,
    /// This program or statement alone.
    One(usize),
    /// What could not be read.
    Unread,
}

/// How a condition is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evaluation {
    pub(crate) part: Part,
    /// Whether all that a SQL statement does must be in a condition's lists, and not only some of
    /// it: in what allows, and under `not`. Blocking what writes finds what also reads; allowing
    /// what reads does not let pass what also writes.
    pub(crate) all: bool,
}

impl Evaluation {
    /// All of a command.
    pub(crate) const WHOLE: Self = Self { part: Part::Whole, all: false };

    fn negated(self) -> Self {
        Self { all: !self.all, ..self }
    }
}

/// People that a policy names: sorted lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WhoSet {
    pub(super) users: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) claims: Vec<(String, Vec<String>)>,
}

/// Whether a sorted list has a value.
fn has(list: &[String], value: &str) -> bool {
    list.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
}

impl WhoSet {
    pub(crate) fn holds(&self, who: &Who<'_>) -> bool {
        let claimed = |(claim, values): &(String, Vec<String>)| {
            let claims = who.claims.get(claim);
            claims.is_some_and(|claims| claims.iter().any(|value| has(values, value)))
        };
        (self.users.is_empty() || has(&self.users, who.name))
            && (self.groups.is_empty()
                || who.groups.iter().any(|group| has(&self.groups, group.as_str())))
            && self.claims.iter().all(claimed)
    }
}

/// Targets that a policy names: sorted lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TargetSet {
    pub(super) names: Vec<String>,
    pub(super) kinds: Vec<TargetKind>,
    pub(super) labels: Vec<(String, Vec<String>)>,
}

impl TargetSet {
    pub(crate) fn holds(&self, target: &TargetFacts<'_>) -> bool {
        let labelled = |(label, values): &(String, Vec<String>)| {
            target.labels.get(label).is_some_and(|value| has(values, value))
        };
        (self.names.is_empty() || has(&self.names, target.name))
            && (self.kinds.is_empty() || self.kinds.contains(&target.kind))
            && self.labels.iter().all(labelled)
    }
}

/// A time of day on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// A bit for each day from Monday.
    pub(super) days: u8,
    /// Minutes of the day; the end is not inside, and may be the next day's.
    pub(super) from: u16,
    pub(super) to: u16,
    /// Minutes ahead of UTC, when the node's local time is not meant.
    pub(super) zone: Option<i16>,
}

const DAY_MINUTES: i64 = 24 * 60;

impl Window {
    fn holds(self, moment: &Moment) -> bool {
        let offset = i64::from(self.zone.unwrap_or(moment.offset_minutes));
        let minutes = moment.utc.0.div_euclid(60_000_000) + offset;
        // 1970-01-01 was a Thursday.
        let day = (minutes.div_euclid(DAY_MINUTES) + 3).rem_euclid(7);
        let minute = minutes.rem_euclid(DAY_MINUTES);
        let on = |day: i64| self.days & (1 << day) != 0;
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to {
            return on(day) && (from..to).contains(&minute);
        }
        on(day) && minute >= from || on((day + 6) % 7) && minute < to
    }
}

/// A condition on one program of a shell command.
#[derive(Debug)]
pub(crate) struct Shell {
    /// The condition's own words: `shell:` and canonical JSON.
    pub(crate) key: String,
    pub(super) programs: Vec<String>,
    pub(super) arguments: Vec<Pattern>,
    pub(super) redirects: Vec<(Option<String>, Pattern)>,
}

/// A glob pattern on one word.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(super) glob: GlobMatcher,
    /// How every word that it matches starts and ends.
    pub(super) start: String,
    pub(super) end: String,
}

impl Pattern {
    /// Whether a word that is only known in part may match.
    fn may_match(&self, word: &OpenWord) -> bool {
        let (start, end) = (&self.start, &self.end);
        (start.starts_with(&word.start) || word.start.starts_with(start))
            && (end.ends_with(&word.end) || word.end.ends_with(end))
            && !(word.relative && start.starts_with('/'))
    }
}

/// Whether a redirect is one that a pattern's operator means: `>` is every one that writes, `<`
/// every one that reads a file.
fn means(operator: Option<&str>, redirect: &str) -> bool {
    match operator {
        None => true,
        Some(">") => writes(redirect),
        Some("<") => matches!(redirect, "<" | "<>"),
        Some(operator) => operator == redirect,
    }
}

/// Whether a redirect writes to its file.
pub(crate) fn writes(operator: &str) -> bool {
    matches!(operator, ">" | ">>" | ">|" | "<>" | "&>" | "&>>" | ">&")
}

impl Shell {
    /// Whether a program satisfies all of it; the program's words must be raw. Unknown when it
    /// depends on a word that is only known when it runs.
    pub(crate) fn holds(&self, program: &Program, open: &OpenWords) -> Truth {
        if !self.named(program) {
            return Truth::False;
        }
        self.argument(program, open).min(self.redirect(program, open))
    }

    fn argument(&self, program: &Program, open: &OpenWords) -> Truth {
        let matches = |word: &String| self.arguments.iter().any(|one| one.glob.is_match(word));
        let may = |word: &OpenWord| self.arguments.iter().any(|one| one.may_match(word));
        if self.arguments.is_empty() || program.arguments.iter().any(matches) {
            return Truth::True;
        }
        if open.arguments.iter().any(may) { Truth::Unknown } else { Truth::False }
    }

    fn redirect(&self, program: &Program, open: &OpenWords) -> Truth {
        let matches = |redirect: &Redirect| {
            self.redirects.iter().any(|(operator, pattern)| {
                means(operator.as_deref(), &redirect.operator)
                    && pattern.glob.is_match(&redirect.to)
            })
        };
        let may = |(redirect, word): &(String, OpenWord)| {
            self.redirects.iter().any(|(operator, pattern)| {
                means(operator.as_deref(), redirect) && pattern.may_match(word)
            })
        };
        if self.redirects.is_empty() || program.redirects.iter().any(matches) {
            return Truth::True;
        }
        if open.redirects.iter().any(may) { Truth::Unknown } else { Truth::False }
    }

    fn named(&self, program: &Program) -> bool {
        self.programs.is_empty() || has(&self.programs, &program.name)
    }

    fn judge(&self, reading: &Reading, on: Part) -> Truth {
        let is_push = reading.reader == PUSH_READER;
        if !reading.reader.starts_with("shell/") && !is_push {
            return Truth::False;
        }
        // Whatever a push asks, one program serves it.
        let on = if is_push && matches!(on, Part::One(_)) { Part::One(0) } else { on };
        let recorded = reading.matched.iter().find_map(|entry| entry.strip_prefix(&*self.key));
        let by_name = self.arguments.is_empty() && self.redirects.is_empty();
        let holds = |at: usize| {
            recorded.is_some_and(|places| covers(places, at))
                || by_name && reading.programs.get(at).is_some_and(|program| self.named(program))
        };
        let open = || {
            let mut entries = reading.matched.iter();
            entries.any(|entry| entry.strip_prefix(UNKNOWN) == Some(&*self.key))
        };
        let truth = match on {
            Part::One(at) => holds(at).into(),
            Part::Unread => Truth::Unknown,
            Part::Whole if (0..reading.programs.len()).any(holds) => Truth::True,
            Part::Whole if reading.unreadable.is_some() => Truth::Unknown,
            Part::Whole => Truth::False,
        };
        if truth == Truth::False && open() { Truth::Unknown } else { truth }
    }

    /// Whether it asks about redirects.
    pub(crate) fn asks_about_redirects(&self) -> bool {
        !self.redirects.is_empty()
    }
}

/// What stands before the words of a condition that depends on what is only known when it runs.
pub(crate) const UNKNOWN: &str = "unknown:";

/// The longest list of places behind a key, in bytes; places behind it count as not satisfied.
const PLACES_LIMIT: usize = 1024;

/// `` when all programs satisfy a condition, else `@` and their places, e.g. `@0,2-4`.
pub(crate) fn places(satisfied: &[bool]) -> String {
    if satisfied.iter().all(|one| *one) {
        return String::new();
    }
    let mut text = String::from("@");
    let mut at = 0;
    while at < satisfied.len() && text.len() < PLACES_LIMIT {
        let length = satisfied[at..].iter().take_while(|one| **one).count();
        if length > 0 {
            let comma = if text.len() > 1 { "," } else { "" };
            text.push_str(&match length {
                1 => format!("{comma}{at}"),
                _ => format!("{comma}{at}-{}", at + length - 1),
            });
        }
        at += length.max(1);
    }
    text
}

/// Whether a list of places has this one.
pub(super) fn covers(places: &str, at: usize) -> bool {
    let Some(list) = places.strip_prefix('@') else { return places.is_empty() };
    list.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&at),
            _ => false,
        }
    })
}

/// A regular expression on raw text.
#[derive(Debug)]
pub(crate) struct TextCondition {
    /// The condition's own words: `regex:` and the expression.
    pub(crate) key: String,
    pub(crate) expression: regex::bytes::Regex,
}

/// A compiled condition: all of its parts must hold.
#[derive(Debug, Default)]
pub(crate) struct When {
    pub(super) who: Option<WhoSet>,
    pub(super) targets: Option<TargetSet>,
    pub(super) time: Option<Window>,
    pub(super) regex: Vec<TextCondition>,
    pub(super) shell: Option<Shell>,
    pub(super) sql: Option<Sql>,
    pub(super) files: Option<Files>,
    pub(super) forward: Option<Forward>,
    pub(super) not: Option<Box<When>>,
}

impl When {
    /// Judges the condition; the rest first, so that what cannot be read counts only where it
    /// matters.
    pub(crate) fn judge(&self, facts: &Facts<'_>, on: Evaluation) -> Truth {
        let outside = self.who.as_ref().is_none_or(|who| who.holds(&facts.who))
            && self.targets.as_ref().is_none_or(|targets| targets.holds(&facts.target))
            && self.time.is_none_or(|window| window.holds(facts.moment));
        if !outside {
            return Truth::False;
        }
        let mut truth = Truth::True;
        if !self.regex.is_empty() {
            truth = truth.min(self.regex_truth(facts.reading));
        }
        if let Some(shell) = &self.shell {
            truth = truth.min(match facts.reading {
                Some(reading) => shell.judge(reading, on.part),
                None => Truth::Unknown,
            });
        }
        if let Some(sql) = &self.sql {
            truth = truth.min(match facts.reading {
                Some(reading) => sql.judge(reading, on),
                None => Truth::Unknown,
            });
        }
        if let Some(files) = &self.files {
            truth = truth.min(match facts.reading {
                Some(reading) => files.judge(reading, on),
                None => Truth::Unknown,
            });
        }
        if let Some(forward) = &self.forward {
            truth = truth.min(match facts.reading {
                Some(reading) => forward.judge(reading, on),
                None => Truth::Unknown,
            });
        }
        if let Some(not) = &self.not {
            truth = truth.min(!not.judge(facts, on.negated()));
        }
        truth
    }

    fn regex_truth(&self, reading: Option<&Reading>) -> Truth {
        let Some(reading) = reading else { return Truth::Unknown };
        self.regex.iter().any(|condition| reading.matched.contains(&condition.key)).into()
    }

    /// Whether a command's text matters to it.
    pub(super) fn looks_at_text(&self) -> bool {
        !self.regex.is_empty()
            || self.shell.is_some()
            || self.sql.is_some()
            || self.files.is_some()
            || self.forward.is_some()
            || self.not.as_ref().is_some_and(|not| not.looks_at_text())
    }

    /// The shell condition that must hold, if there is one.
    pub(crate) fn shell(&self) -> Option<&Shell> {
        self.shell.as_ref()
    }

    /// Whether it asks what is done with files.
    pub(crate) fn asks_about_files(&self) -> bool {
        self.files.is_some() || self.not.as_ref().is_some_and(|not| not.asks_about_files())
    }

    /// Whether it asks where a forward leads.
    pub(crate) fn asks_about_forwards(&self) -> bool {
        let not = self.not.as_ref().is_some_and(|not| not.asks_about_forwards());
        self.forward.is_some() || not
    }

    /// Every condition on text in it.
    pub(crate) fn texts(&self, each: &mut dyn FnMut(Text<'_>)) {
        self.regex.iter().for_each(|condition| each(Text::Regex(condition)));
        if let Some(shell) = &self.shell {
            each(Text::Shell(shell));
        }
        if let Some(sql) = &self.sql {
            each(Text::Sql(sql));
        }
        if let Some(files) = &self.files {
            each(Text::Files(files));
        }
        if let Some(forward) = &self.forward {
            each(Text::Forward(forward));
        }
        if let Some(not) = &self.not {
            not.texts(each);
        }
    }
}

/// A condition on text.
pub(crate) enum Text<'a> {
    /// A regular expression.
    Regex(&'a TextCondition),
    /// A program in a shell command.
    Shell(&'a Shell),
    /// A SQL statement.
    Sql(&'a Sql),
    /// What is done with files.
    Files(&'a Files),
    /// Where a forward leads.
    Forward(&'a Forward),
}
