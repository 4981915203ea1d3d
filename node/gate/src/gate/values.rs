//! A database's side of the gate: texts that it is to prepare, and values that come from it. So are
//! the names in a file transfer's answers masked, and what only looks at a file is checked.

use bytes::Bytes;
use node_enforce::decide::{self, Facts};
use node_enforce::mask::{Place, Raw, ValueMasker};
use proto::reading::{Channel, Verdict};
use proto::time::Moment;

use super::{Gate, OutOfTurn, Outputs, State};
use crate::command::CommandText;
use crate::leash::Leash;
use crate::output::Output;
use crate::proof::{Preparation, Release};
use crate::record;

impl Gate {
    /// Whether a target may prepare a text. Nothing is said of one that is blocked: it is to be
    /// judged as a command, so that the record says so.
    #[must_use]
    pub fn prepare(&mut self, text: CommandText, leash: Leash, now: Moment) -> Option<Preparation> {
        let shown = record::shown_again(&self.facts, &mut self.memory, &text, now);
        let judged = Facts { reading: Some(&shown.reading), ..self.facts.judged(&now) };
        let verdict = decide::decide(&self.facts.policy, &judged).verdict;
        let until = leash.good_until(now.elapsed);
        (verdict != Verdict::Block).then(|| Preparation::checked(text, until))
    }

    /// Masks values and lets their messages through: at once, since they are not recorded.
    pub(super) fn pass_values(
        &mut self,
        batch: Bytes,
        places: &[Place],
        rows: u64,
        now: Moment,
    ) -> Outputs {
        if matches!(self.state, State::Closed) {
            return Err(self.out_of_turn("values"));
        }
        self.busy = now.elapsed;
        let plan = &self.facts.masks;
        let mut masker = match self.values.take().filter(|masker| masker.is_of(plan)) {
            Some(masker) => masker,
            None => Box::new(ValueMasker::new(plan.clone())),
        };
        let masked = masker.mask(batch, places);
        self.values = Some(masker);
        let misplaced =
            OutOfTurn { came: "a value outside of its message", state: "masking values" };
        let (client, findings) = masked.map_err(|_| misplaced)?;
        if let State::Running(running) = &mut self.state {
            match self.facts.channel {
                Channel::Exec => running.count_lines(client.bytes(), &findings),
                _ => running.count_values(client.bytes().len() as u64, rows, &findings),
            }
        } else if let Some(beside) = &mut self.beside {
            beside.count_messages(client.bytes().len() as u64, &findings);
        }
        Ok(vec![Output::Release(Release::of_values(client))])
    }

    /// Records values as they are shown, when policy says so; of what no command gave, nothing.
    pub(super) fn results(&mut self, raw: Raw<'_>, now: Moment) -> Outputs {
        let State::Running(running) = &mut self.state else { return Ok(Vec::new()) };
        let output = running.feed_results(&self.facts, &mut self.scribe, raw, now);
        Ok(output.into_iter().collect())
    }
}
