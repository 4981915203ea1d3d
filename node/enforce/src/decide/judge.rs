//! The decision: every rule is judged, and the strictest verdict wins.
//!
//! An allow rule allows the programs that satisfy it, and nothing that stands beside them: where
//! only allowed commands may run, `ls; env` is not allowed by a rule about `ls`.

use std::sync::Arc;

use proto::reading::{Channel, Program, Reading, Redirect, Terminal, Verdict};
use proto::refusal::Told;

use super::{Facts, told};
use crate::policy::{
    ApprovalRules, Checked, Commands, Evaluation, Part, Policy, RecordRules, Rule, Shell, Truth,
    writes,
};
use crate::shell::NOWHERE;
use crate::{files, forward};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may run.
    pub verdict: Verdict,
    /// Names of the rules that matched, the deciding ones first; `defaults` has no name.
    pub rules: Vec<Arc<str>>,
    /// How many of `rules` decided; none when the defaults did.
    pub deciding: usize,
    /// How it is recorded.
    pub obligations: RecordRules,
    /// What the client is told, when it may not run now.
    pub told: Option<Told>,
    /// Who must approve it, when it is held.
    pub hold: Option<ApprovalRules>,
}

/// Decides about a command. The same policy, facts and reading always give the same decision.
///
/// Without a grant for these facts the command is blocked.
#[must_use]
pub fn decide(policy: &Policy, facts: &Facts<'_>) -> Decision {
    let logins = [facts.login.to_owned()];
    let granted =
        policy.grant(&facts.who, &facts.target, facts.channel, Some(facts.login), &logins);
    let obligations = policy.record(facts);
    let not_granted = |told| {
        let (verdict, rules) = (Verdict::Block, Vec::new());
        Decision { verdict, rules, deciding: 0, obligations, told: Some(told), hold: None }
    };
    let Ok(mut granted) = granted else { return not_granted(told::no_grant()) };
    if facts.reading.is_some_and(forward::is_unseen) {
        match policy.grant_opaque(facts) {
            Some(opaque) => granted = opaque,
            None => return not_granted(told::unseen()),
        }
    }
    let copies = |reading: &Reading| reading.statements.iter().any(|statement| statement.copies);
    if facts.reading.is_some_and(copies) {
        let (login, copy) = (Some(facts.login), Channel::Copy);
        if policy.grant(&facts.who, &facts.target, copy, login, &logins).is_err() {
            return not_granted(told::no_copy());
        }
    }
    if of_terminal(facts, |seen| matches!(seen, Terminal::EchoOff | Terminal::FullScreen)) {
        // Nothing was read, so there is nothing that a rule could be asked about.
        let (verdict, rules) = (Verdict::Allow, Vec::new());
        return Decision { verdict, rules, deciding: 0, obligations, told: None, hold: None };
    }
    let judged = Judged::new(policy.checked(), facts, granted.commands == Commands::Listed);
    let verdict = judged.verdict();
    let (rules, deciding) = judged.names(verdict);
    let told = judged.told(verdict, facts);
    if verdict == Verdict::Hold && forward::is_forwarded(facts.channel) {
        // Nothing can be said to a client that waits for a channel to open.
        let (verdict, told) = (Verdict::Block, told.map(told::not_held));
        return Decision { verdict, rules, deciding, obligations, told, hold: None };
    }
    let hold = (verdict == Verdict::Hold).then(|| judged.approvals());
    Decision { verdict, rules, deciding, obligations, told, hold }
}

/// Which rules matched, and what follows where they do not say.
struct Judged<'p> {
    checked: &'p Checked,
    matched: Vec<&'p Rule>,
    /// The rules whose condition cannot be known.
    unknown: Vec<&'p Rule>,
    /// What no allow rule covers must be allowed by default.
    covered: bool,
    listed: bool,
    /// What becomes of what cannot be read.
    unreadable: Verdict,
}

impl<'p> Judged<'p> {
    fn new(checked: &'p Checked, facts: &Facts<'_>, listed: bool) -> Self {
        let (mut matched, mut unknown) = (Vec::new(), Vec::new());
        // What a push asks is judged by the rules about files; all others were asked about the
        // command that serves it.
        let is_push = facts.reading.is_some_and(|reading| reading.reader == files::PUSH_READER);
        for rule in checked.rules.iter().filter(|rule| !is_push || rule.when.asks_about_files()) {
            match rule.when.judge(facts, Evaluation::WHOLE) {
                Truth::True => matched.push(rule),
                Truth::Unknown => unknown.push(rule),
                Truth::False => {}
            }
        }
        // The strictest asks first.
        unknown.sort_by_key(|rule| std::cmp::Reverse(rule.then));
        let unreadable = match facts.channel {
            Channel::Shell => checked.unreadable_typed,
            _ => checked.unreadable,
        };
        let mut judged = Self { checked, matched, unknown, covered: false, listed, unreadable };
        // That a terminal, a file transfer or forwards may be opened, or an agent or a display be
        // lent, is what the grant of its channel says: rules may forbid it, and what is asked in it
        // is judged one by one.
        let opens = of_terminal(facts, |terminal| terminal == Terminal::Opening)
            || facts.channel == Channel::Sftp && facts.reading.is_some_and(files::opens)
            || forward::is_forwarded(facts.channel) && facts.reading.is_some_and(forward::opens);
        judged.covered = opens || judged.covers(facts) || is_push && !listed;
        judged
    }

    /// Whether allow rules match every part of the command.
    fn covers(&self, facts: &Facts<'_>) -> bool {
        let rules = self.checked.rules.iter().filter(|rule| rule.then == Verdict::Allow);
        let allows = |rule: &Rule, part| {
            rule.when.judge(facts, Evaluation { part, all: true }) == Truth::True
        };
        let Some(reading) = facts.reading else {
            return rules.clone().any(|rule| allows(rule, Part::Whole));
        };
        if forward::is_one(reading) {
            let mut rules = rules.clone().filter(|rule| !rule.when.asks_about_files());
            return reading.unreadable.is_none() && rules.any(|rule| allows(rule, Part::Whole));
        }
        let rules = rules.filter(|rule| !rule.when.asks_about_forwards());
        let any = |part| rules.clone().any(|rule| allows(rule, part));
        // A text of SQL without statements does nothing; of any other, nobody knows.
        let is_sql = reading.reader.starts_with("sql/");
        if [files::READER, files::PUSH_READER].contains(&reading.reader.as_str()) {
            let known = reading.unreadable.is_none() && !reading.files.is_empty();
            return known && (0..reading.files.len()).all(|at| any(Part::One(at)));
        }
        if reading.programs.is_empty() && reading.unreadable.is_none() && !is_sql {
            return any(Part::Whole);
        }
        let allowed = |(at, program): (usize, &Program)| {
            let mut rules = rules.clone();
            rules.any(|rule| allows(rule, Part::One(at)) && lets_write(rule, program))
        };
        reading.programs.iter().enumerate().all(allowed)
            && (0..reading.statements.len()).all(|at| any(Part::One(at)))
            && (reading.unreadable.is_none() || any(Part::Unread))
    }

    fn has(&self, verdict: Verdict) -> bool {
        self.matched.iter().any(|rule| rule.then == verdict)
    }

    /// The verdict of what the rules do not say.
    fn by_default(&self) -> Verdict {
        let unknown = if self.unknown.is_empty() { Verdict::Allow } else { self.unreadable };
        let unmatched = if self.covered || self.decides() {
            Verdict::Allow
        } else if self.listed {
            Verdict::Block
        } else {
            self.checked.unmatched
        };
        unknown.max(unmatched)
    }

    /// Whether a rule decides that is stricter than an allow rule; such a command was matched.
    fn decides(&self) -> bool {
        !self.listed && (self.has(Verdict::Block) || self.has(Verdict::Hold))
    }

    fn verdict(&self) -> Verdict {
        let strictest = self.matched.iter().map(|rule| rule.then).max();
        strictest.unwrap_or(Verdict::Allow).max(self.by_default())
    }

    /// The names of the rules that matched, and how many of them decided.
    fn names(&self, verdict: Verdict) -> (Vec<Arc<str>>, usize) {
        let asking = verdict == self.unreadable && verdict != Verdict::Allow;
        let deciding = self.matched.iter().filter(|rule| rule.then == verdict);
        let unread = self.unknown.iter().filter(|_| asking);
        let mut names: Vec<_> = deciding.chain(unread).map(|rule| rule.name.clone()).collect();
        let count = names.len();
        let others = self.matched.iter().filter(|rule| rule.then != verdict);
        names.extend(others.map(|rule| rule.name.clone()));
        (names, count)
    }

    fn told(&self, verdict: Verdict, facts: &Facts<'_>) -> Option<Told> {
        let deciding = self.matched.iter().find(|rule| rule.then == verdict).copied();
        let asking = self.unknown.first().copied();
        let is_unread = asking.is_some() && self.unreadable == verdict;
        match verdict {
            Verdict::Allow => None,
            _ if deciding.is_none() && is_unread => {
                Some(told::unreadable(facts.reading, asking, verdict == Verdict::Hold))
            }
            Verdict::Hold => Some(told::held(deciding)),
            Verdict::Block if deciding.is_none() && self.listed && !self.covered => {
                Some(told::not_listed())
            }
            Verdict::Block => Some(told::blocked(deciding)),
        }
    }

    fn approvals(&self) -> ApprovalRules {
        let rules = self.matched.iter().filter_map(|rule| rule.approval.clone());
        let default = self.checked.approval.clone();
        let by_default = self.by_default() == Verdict::Hold;
        ApprovalRules { each: rules.chain(default.filter(|_| by_default)).collect() }
    }
}

/// Whether a reading is of a terminal, and of this part of it.
fn of_terminal(facts: &Facts<'_>, is: impl Fn(Terminal) -> bool) -> bool {
    let terminal = facts.reading.and_then(|reading| reading.terminal);
    facts.channel == Channel::Shell && terminal.is_some_and(is)
}

/// Whether an allow rule that names programs lets one write to files: only when it asks about
/// redirects too.
fn lets_write(rule: &Rule, program: &Program) -> bool {
    let into_file = |one: &Redirect| writes(&one.operator) && one.to != NOWHERE;
    rule.when.shell().is_none_or(Shell::asks_about_redirects)
        || !program.redirects.iter().any(into_file)
}
