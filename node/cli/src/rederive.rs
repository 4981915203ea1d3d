//! Derives recorded decisions again: pure, from an event and the text of the policy that it pins.
//!
//! Two results that are kept apart. The *decision* follows from the recorded reading and must come
//! out equal. The *reading* follows from the sealed text, and may differ when the reader is newer.

use std::time::Duration;

use node_enforce::decide::{Facts, decide, read_command};
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::event::{Actor, CommandJudged, Event, TargetAsWas};
use proto::reading::{Reading, Verdict};
use proto::time::Moment;

/// What came out when a decision was derived again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    /// What was recorded.
    Same,
    /// Something else.
    Differs {
        /// Verdict and rules as recorded.
        recorded: String,
        /// Verdict and rules as they come out.
        derived: String,
    },
    /// The event lacks what a decision follows from.
    Impossible(&'static str),
}

/// What came out when a command was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadAgain {
    /// The same in all that decisions depend on.
    Same,
    /// Something else: the reader changed.
    Changed {
        /// The reader as recorded.
        recorded: String,
        /// The reader as it is now.
        now: String,
    },
}

/// Derives the decision from the recorded reading.
pub(crate) fn decision(policy: &Policy, event: &Event, judged: &CommandJudged) -> Derived {
    let was = match Was::of(event, judged) {
        Ok(was) => was,
        Err(why) => return Derived::Impossible(why),
    };
    let decision = decide(policy, &was.facts(Some(&judged.reading)));
    let rules: Vec<_> = decision.rules.iter().map(ToString::to_string).collect();
    if decision.verdict == judged.verdict && rules == judged.rules {
        return Derived::Same;
    }
    let recorded = words(judged.verdict, &judged.rules);
    Derived::Differs { recorded, derived: words(decision.verdict, &rules) }
}

/// Reads the command's raw text again, and compares what decisions depend on. Words were masked in
/// the record, so they are not compared.
pub(crate) fn reading(
    policy: &Policy,
    event: &Event,
    judged: &CommandJudged,
    text: &[u8],
) -> Result<ReadAgain, &'static str> {
    let was = Was::of(event, judged)?;
    let again = read_command(policy, &was.facts(None), text);
    let essence = |reading: &Reading| {
        let statements = reading.statements.iter();
        let statements: Vec<_> =
            statements.map(|one| (one.tag.clone(), one.effects.clone(), one.unbounded)).collect();
        let programs = reading.programs.len();
        (reading.unreadable.is_some(), reading.matched.clone(), programs, statements)
    };
    if essence(&again) == essence(&judged.reading) {
        return Ok(ReadAgain::Same);
    }
    Ok(ReadAgain::Changed { recorded: judged.reading.reader.clone(), now: again.reader })
}

/// Whom and what a command was about, as they were.
struct Was<'a> {
    actor: &'a Actor,
    target: &'a TargetAsWas,
    judged: &'a CommandJudged,
    moment: Moment,
}

impl<'a> Was<'a> {
    /// Of a recorded event; an error when it lacks something.
    fn of(event: &'a Event, judged: &'a CommandJudged) -> Result<Self, &'static str> {
        let actor = event.about.actor.as_ref().ok_or("it does not say who")?;
        let target = event.about.target.as_ref().ok_or("it does not say on what target")?;
        let offset_minutes = judged.offset_minutes;
        let moment = Moment { utc: event.time, offset_minutes, elapsed: Duration::ZERO };
        Ok(Self { actor, target, judged, moment })
    }

    /// What a policy judges by.
    fn facts<'b>(&'b self, reading: Option<&'b Reading>) -> Facts<'b> {
        Facts {
            who: Who::new(self.actor.person.as_str(), &self.actor.groups),
            target: TargetFacts {
                name: self.target.name.as_str(),
                kind: self.target.kind,
                labels: &self.target.labels,
            },
            login: &self.target.login,
            channel: self.judged.channel,
            moment: &self.moment,
            reading,
        }
    }
}

fn words(verdict: Verdict, rules: &[String]) -> String {
    if rules.is_empty() {
        verdict.to_string()
    } else {
        format!("{verdict} by {}", rules.join(", "))
    }
}
