//! From what was written to what it means. Everything that is wrong is said at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::ids::Name;
use proto::reading::{Channel, Durability, Verdict};

use super::compile;
use super::condition::When;
use super::errors::{PolicyError, PolicyErrors, Warning, expected_one};
use super::parts::{
    Approval, Checked, Commands, Covers, Grant, Mask, Opaque, Output, Permission, Record, Role,
    Rule, SessionLimits, StreamDown, Unattended, Uploads,
};
use super::places::{At, Place};
use super::raw;
use super::{ENTRY_LIMIT, columns, words};
use crate::mask::{Action, Class, Detect, MaskRule};

/// The names of the verdicts.
pub(super) const VERDICTS: &[(&str, Verdict)] =
    &[("allow", Verdict::Allow), ("hold", Verdict::Hold), ("block", Verdict::Block)];
const DURABILITIES: &[(&str, Durability)] = &[
    ("queued", Durability::Queued),
    ("local", Durability::Local),
    ("replicated", Durability::Replicated),
];
/// The channels that there is something to reach by.
const SERVED: &[Channel] = &[
    Channel::Exec,
    Channel::Shell,
    Channel::Sftp,
    Channel::Forward,
    Channel::Agent,
    Channel::X11,
    Channel::Query,
    Channel::Copy,
];
/// The names of the channels.
pub(super) const CHANNELS: &[(&str, Channel)] = &[
    ("exec", Channel::Exec),
    ("shell", Channel::Shell),
    ("sftp", Channel::Sftp),
    ("forward", Channel::Forward),
    ("agent", Channel::Agent),
    ("x11", Channel::X11),
    ("query", Channel::Query),
    ("copy", Channel::Copy),
    ("replication", Channel::Replication),
];
const CLASSES: &[(&str, Class)] = &[
    ("secrets", Class::Secrets),
    ("credentials", Class::Credentials),
    ("personal", Class::Personal),
    ("financial", Class::Financial),
    ("network", Class::Network),
];
const MINUTES_15: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// What was found wrong so far.
pub(super) struct Checker<'a> {
    file: &'a str,
    detectors: &'a dyn Fn(&str) -> bool,
    errors: Vec<PolicyError>,
    warnings: Vec<Warning>,
    /// Regular expressions so far.
    pub(super) expressions: usize,
}

pub(super) fn check(
    file: &str,
    raw: raw::Document,
    detectors: &dyn Fn(&str) -> bool,
) -> Result<(Checked, Vec<Warning>), PolicyErrors> {
    let (errors, warnings) = (Vec::new(), Vec::new());
    let mut checker = Checker { file, detectors, errors, warnings, expressions: 0 };
    let checked = checker.document(raw);
    if checker.errors.is_empty() {
        return Ok((checked, checker.warnings));
    }
    checker.errors.sort_by_key(|error| error.place);
    Err(PolicyErrors(checker.errors))
}

impl Checker<'_> {
    pub(super) fn error(&mut self, place: Place, what: impl Into<String>) {
        self.errors.push(PolicyError { file: self.file.to_owned(), place, what: what.into() });
    }

    fn warning(&mut self, place: Place, what: String) {
        self.warnings.push(Warning { file: self.file.to_owned(), place, what });
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, written: &At<String>, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(word, _)| *word == written.value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            let expected = expected_one(&written.value, &names);
            self.error(written.place, format!("`{}` is not known here{expected}", written.value));
        }
        found.map(|(_, value)| *value)
    }

    /// A text of a small form.
    pub(super) fn form<T>(
        &mut self,
        written: &At<String>,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Option<T> {
        let value = read(&written.value);
        if value.is_none() {
            self.error(written.place, format!("found `{}`, expected {expected}", written.value));
        }
        value
    }

    pub(super) fn duration(&mut self, written: &At<String>) -> Option<std::time::Duration> {
        self.form(written, words::duration, "a duration such as 90s, 15m, 8h or 7d")
    }

    fn document(&mut self, raw: raw::Document) -> Checked {
        if raw.version.value != 1 {
            self.error(raw.version.place, format!("version {}, expected 1", raw.version.value));
        }
        // A terminal is looked at, not into: what cannot be read there is recorded, unless policy
        // says otherwise in so many words.
        let says = raw.defaults.as_ref().is_some_and(|defaults| defaults.unreadable.is_some());
        let (unmatched, unreadable, approval) = self.defaults(raw.defaults);
        let unreadable_typed = if says { unreadable } else { Verdict::Allow };
        let sessions = self.sessions(raw.sessions);
        self.names("role", raw.roles.iter().map(|role| &role.name));
        self.names("grant", raw.grants.iter().map(|grant| &grant.name));
        self.names("rule", raw.rules.iter().map(|rule| &rule.name));
        self.names("mask", raw.masks.iter().map(|mask| &mask.name));
        self.names("record", raw.records.iter().map(|record| &record.name));
        self.names("limit", raw.limits.iter().map(|limited| &limited.name));
        Checked {
            unmatched,
            unreadable,
            unreadable_typed,
            approval,
            sessions,
            roles: raw.roles.into_iter().map(|role| self.role(role)).collect(),
            grants: raw.grants.into_iter().map(|grant| self.grant(grant)).collect(),
            rules: raw.rules.into_iter().map(|rule| self.rule(rule)).collect(),
            masks: raw.masks.into_iter().map(|mask| self.mask(mask)).collect(),
            records: raw.records.into_iter().map(|record| self.record(record)).collect(),
            limits: raw.limits.into_iter().map(|limited| self.limited(limited)).collect(),
        }
    }

    /// Names are names, and no name is given twice in a section.
    fn names<'n>(&mut self, kind: &str, names: impl Iterator<Item = &'n At<String>>) {
        let mut seen = BTreeMap::new();
        for (at, name) in names.enumerate() {
            if at == ENTRY_LIMIT {
                let what = format!("more than {ENTRY_LIMIT} entries in one section");
                return self.error(name.place, what);
            }
            if let Err(error) = name.value.parse::<Name>() {
                self.error(name.place, error.to_string());
            }
            if let Some(first) = seen.insert(&name.value, name.place) {
                let what = format!(
                    "the name `{}` is already that of the {kind} in line {}, expected another",
                    name.value, first.line
                );
                self.error(name.place, what);
            }
        }
    }

    fn defaults(&mut self, raw: Option<raw::Defaults>) -> (Verdict, Verdict, Option<Approval>) {
        let Some(raw) = raw else { return (Verdict::Allow, Verdict::Block, None) };
        let mut verdict = |written: &Option<At<String>>, absent| {
            let Some(written) = written else { return absent };
            let verdict = self.word(written, VERDICTS).unwrap_or(absent);
            if verdict == Verdict::Hold && raw.approval.is_none() {
                self.error(written.place, "`hold` needs the key `approval` in defaults");
            }
            verdict
        };
        let unmatched = verdict(&raw.unmatched, Verdict::Allow);
        let unreadable = verdict(&raw.unreadable, Verdict::Block);
        let approval = raw.approval.map(|approval| self.approval("defaults".into(), approval));
        (unmatched, unreadable, approval)
    }

    fn sessions(&mut self, raw: Option<raw::Sessions>) -> SessionLimits {
        let mut limits = SessionLimits::default();
        let Some(raw) = raw else { return limits };
        if let Some(idle) = raw.idle.and_then(|written| self.duration(&written)) {
            limits.idle = idle;
        }
        if let Some(max) = raw.max.and_then(|written| self.duration(&written)) {
            limits.max = max;
        }
        if let Some(written) = raw.per_person {
            match u32::try_from(written.value) {
                Ok(number @ 1..=10_000) => limits.per_person = number,
                _ => self.error(written.place, "expected a number from 1 to 10000"),
            }
        }
        limits
    }

    fn role(&mut self, raw: raw::Role) -> Role {
        if raw.may.is_empty() {
            self.error(raw.name.place, "the role permits nothing, expected a word in `may`");
        }
        Role {
            who: compile::who(&raw.who),
            may: raw.may.iter().filter_map(|word| self.word(word, Permission::ALL)).collect(),
            second_person: raw.second_person,
        }
    }

    fn grant(&mut self, raw: raw::Grant) -> Grant {
        if raw.logins.is_empty() {
            self.error(raw.name.place, "the grant names no login, expected one in `as`");
        }
        if raw.channels.is_empty() {
            self.error(raw.name.place, "the grant names no channel, expected one in `channels`");
        }
        for login in raw.logins.iter().filter(|login| login.value.is_empty()) {
            self.error(login.place, "an empty login, expected a name");
        }
        let mut channels = Vec::new();
        for written in &raw.channels {
            let Some(channel) = self.word(written, CHANNELS) else { continue };
            if !SERVED.contains(&channel) {
                let what =
                    format!("the channel `{}` does not exist in this version", written.value);
                self.warning(written.place, what);
            }
            channels.push(channel);
        }
        let commands = raw.commands.and_then(|written| self.word(&written, Commands::ALL));
        if let Some(opaque) = raw.opaque.as_ref().filter(|_| !channels.contains(&Channel::Forward))
        {
            self.error(opaque.place, "`opaque` is only for grants of the channel `forward`");
        }
        let opaque = raw.opaque.and_then(|written| self.word(&written, Opaque::ALL));
        Grant {
            name: raw.name.value,
            who: compile::who(&raw.who),
            targets: compile::targets(&raw.targets, self),
            logins: raw.logins.into_iter().map(|login| login.value).collect(),
            channels,
            commands: commands.unwrap_or(Commands::Any),
            opaque: opaque.unwrap_or(Opaque::Block),
        }
    }

    fn rule(&mut self, raw: raw::Rule) -> Rule {
        let name: Arc<str> = raw.name.value.as_str().into();
        let then = self.word(&raw.then, VERDICTS);
        match (then, &raw.approval) {
            (Some(Verdict::Hold), None) => {
                self.error(raw.then.place, "`hold` needs the key `approval`");
            }
            (Some(Verdict::Allow | Verdict::Block), Some(approval)) => {
                self.error(approval.place, "`approval` is only for `then: hold`");
            }
            _ => {}
        }
        if then == Some(Verdict::Hold) && raw.when.forward.is_some() {
            let what = "a forward is never held: where this rule matches, it is refused";
            self.warning(raw.then.place, what.to_owned());
        }
        if let Some(message) = raw.message.as_ref().filter(|message| message.value.len() > 1024) {
            self.error(message.place, "the message is longer than 1024 bytes");
        }
        Rule {
            when: compile::when(&raw.when, self, 0),
            then: then.unwrap_or(Verdict::Block),
            message: raw.message.map(|message| message.value),
            approval: raw.approval.map(|approval| self.approval(name.clone(), approval)),
            name,
        }
    }

    fn approval(&mut self, rule: Arc<str>, raw: At<raw::Approval>) -> Approval {
        let (place, raw) = (raw.place, raw.value);
        let covers = raw.covers.and_then(|written| self.word(&written, Covers::ALL));
        let covers = covers.unwrap_or(Covers::Command);
        match (covers, &raw.lasts) {
            (Covers::Session, None) => self.error(place, "`covers: session` needs the key `for`"),
            (Covers::Command, Some(lasts)) => {
                self.error(lasts.place, "`for` is only for `covers: session`");
            }
            _ => {}
        }
        let count = raw.count.map_or(1, |written| match u32::try_from(written.value) {
            Ok(count @ 1..=100) => count,
            _ => {
                self.error(written.place, "expected a number from 1 to 100");
                1
            }
        });
        let expires = raw.expires.and_then(|written| self.duration(&written));
        let unattended = raw.unattended.and_then(|written| self.word(&written, Unattended::ALL));
        Approval {
            rule,
            by: compile::who(&raw.by),
            count,
            expires: expires.unwrap_or(MINUTES_15),
            covers,
            lasts: raw.lasts.and_then(|written| self.duration(&written)),
            unattended: unattended.unwrap_or(Unattended::Block),
        }
    }

    fn mask(&mut self, raw: raw::Mask) -> Mask {
        let when = self.without_text(&raw.when, raw.name.place);
        if raw.detect.is_empty() && raw.columns.is_empty() {
            self.error(raw.name.place, "the mask needs the key `detect` or `columns`");
        }
        let action = match raw.with.value.clone() {
            raw::With::None => Action::None,
            raw::With::Redact => Action::Redact,
            raw::With::Null => Action::Null,
            raw::With::KeepLast(count) => Action::KeepLast(count),
            raw::With::KeepFirst(count) => Action::KeepFirst(count),
            raw::With::Hash(_) => Action::Hash,
            raw::With::Token(token) if token.domain.is_empty() || token.domain.len() > 64 => {
                self.error(raw.with.place, "the name of a domain has 1 to 64 bytes");
                Action::Redact
            }
            raw::With::Token(token) => Action::Token(token.domain),
            raw::With::Constant(text) if text.len() > 256 => {
                self.error(raw.with.place, "the constant is longer than 256 bytes");
                Action::Redact
            }
            raw::With::Constant(text) => Action::Constant(text),
        };
        let detect: Vec<Detect> =
            raw.detect.iter().filter_map(|detect| self.detect(detect)).collect();
        let name: Arc<str> = raw.name.value.as_str().into();
        let columns = columns::compile(&raw, &action, self);
        let uploads = self.uploads(&raw, &action);
        let rule = (!detect.is_empty()).then_some(MaskRule { name, detect, action, uploads });
        Mask { when, rule, columns }
    }

    fn uploads(&mut self, raw: &raw::Mask, action: &Action) -> Uploads {
        let Some(written) = &raw.uploads else { return Uploads::Allow };
        if raw.detect.is_empty() {
            self.error(written.place, "`uploads` is only for masks with `detect`");
        } else if *action == Action::None {
            self.error(
                written.place,
                "`uploads` is not for a mask with `none`, which finds nothing",
            );
        }
        self.word(written, Uploads::ALL).unwrap_or(Uploads::Allow)
    }

    fn detect(&mut self, raw: &At<raw::Detect>) -> Option<Detect> {
        match &raw.value {
            raw::Detect::Pattern(own) => self.own_detector(own, raw.place),
            raw::Detect::Name(name) => {
                if let Some((_, class)) = CLASSES.iter().find(|(word, _)| word == name) {
                    return Some(Detect::Class(*class));
                }
                if (self.detectors)(name) {
                    return Some(Detect::Detector(name.clone()));
                }
                let classes: Vec<&str> = CLASSES.iter().map(|(word, _)| *word).collect();
                let what = format!(
                    "there is no detector `{name}`{}, or a detector",
                    expected_one(name, &classes)
                );
                self.error(raw.place, what);
                None
            }
        }
    }

    /// A condition that may not depend on a command.
    fn without_text(&mut self, raw: &raw::When, place: Place) -> When {
        let when = compile::when(raw, self, 0);
        if when.looks_at_text() {
            self.error(
                place,
                "the `when` of a mask may not look at a command: no regex, shell, sql, files or \
                 forward",
            );
        }
        when
    }

    fn record(&mut self, raw: raw::Record) -> Record {
        let sized = "a size such as 64KiB, 16MiB or 1GiB";
        Record {
            when: compile::when(&raw.when, self, 0),
            durability: raw.durability.and_then(|word| self.word(&word, DURABILITIES)),
            output: raw.output.and_then(|word| self.word(&word, Output::ALL)),
            when_stream_down: raw
                .when_stream_down
                .and_then(|word| self.word(&word, StreamDown::ALL)),
            limit: raw.limit.and_then(|written| self.form(&written, words::size, sized)),
            rows: raw.rows,
        }
    }
}
