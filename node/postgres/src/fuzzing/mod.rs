//! What fuzzing feeds: the bytes of a client, or those of a database, through everything that looks
//! at them before anybody is asked. Nothing here is part of the product.
//!
//! Beside "no panic" each direction has an oracle. What is built of a client's message is read back
//! as the same, the two readers of `Bind` agree, and a database that keeps to the protocol is never
//! called one that does not. What is masked of a database's messages is as many messages of the
//! same kinds, each as long as it says.

mod client;
mod target;

use std::sync::{Arc, OnceLock};

use node_enforce::mask::{Action, Class, Detect, MaskKey, MaskPlan, MaskRule};

pub use client::client;
pub use target::target;

/// A plan with every detector.
fn plan() -> Arc<MaskPlan> {
    static PLAN: OnceLock<Arc<MaskPlan>> = OnceLock::new();
    let made = PLAN.get_or_init(|| {
        let classes = [Class::Personal, Class::Financial, Class::Network];
        let rule = |class| MaskRule::new("all", vec![Detect::Class(class)], Action::KeepLast(4));
        let rules = classes.map(rule);
        let plan = MaskPlan::compile(&rules, &[], MaskKey::new([1; 32]));
        Arc::new(plan.expect("built-in detectors compile"))
    });
    made.clone()
}
