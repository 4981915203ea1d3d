//! Compiled masks, kept while the policy and the target's secrets are the same: compiling takes
//! longer than opening a session should.

use std::sync::Arc;

use node_enforce::mask::{KnownValue, MaskKey, MaskPlan, MaskRule, PlanError};
use node_enforce::policy::ColumnMask;
use parking_lot::Mutex;
use proto::ids::Name;

/// How many compiled plans are kept.
const PLANS_LIMIT: usize = 256;

/// The compiled plans of a node.
#[derive(Debug)]
pub(crate) struct Plans {
    key: MaskKey,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    target: Name,
    rules: Vec<MaskRule>,
    columns: Vec<ColumnMask>,
    known: Vec<KnownValue>,
    plan: Arc<MaskPlan>,
}

impl Plans {
    pub(crate) fn new(key: MaskKey) -> Self {
        Self { key, kept: Mutex::new(Vec::new()) }
    }

    /// The plan for these rules and secrets.
    pub(crate) fn plan(
        &self,
        target: &Name,
        rules: Vec<MaskRule>,
        columns: Vec<ColumnMask>,
        known: Vec<KnownValue>,
    ) -> Result<Arc<MaskPlan>, PlanError> {
        let fits = |kept: &Kept| {
            let same_rules = kept.rules == rules && kept.columns == columns;
            kept.target == *target && same_rules && same(&kept.known, &known)
        };
        if let Some(kept) = self.kept.lock().iter().find(|kept| fits(kept)) {
            return Ok(kept.plan.clone());
        }
        let plan = MaskPlan::compile(&rules, &known, self.key.clone())?;
        let plan = Arc::new(plan.with_columns(columns.clone()));
        let mut kept = self.kept.lock();
        if kept.len() >= PLANS_LIMIT {
            kept.remove(0);
        }
        kept.push(Kept { target: target.clone(), rules, columns, known, plan: plan.clone() });
        Ok(plan)
    }
}

fn same(one: &[KnownValue], other: &[KnownValue]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(&one.value, &other.value))
}
