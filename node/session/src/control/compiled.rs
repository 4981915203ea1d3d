//! Policies that were compiled before they come into force, so that nothing waits for a compiler
//! while the state is locked.
//!
//! What is compiled here judges nobody: a view takes it when the state says that it is in force. It
//! is found by its exact text, so that it can never be another's.

use std::collections::VecDeque;
use std::sync::Arc;

use node_enforce::policy::Policy;
use parking_lot::Mutex;

use super::view::Compile;

/// How many are kept: as many as may wait for a second person, and as many again.
const KEPT: usize = 16;

/// Compiled policies, the newest last.
pub(super) struct Compiled {
    compile: Box<Compile>,
    kept: Mutex<VecDeque<(Box<str>, Arc<Policy>)>>,
}

impl Compiled {
    pub(super) fn new(compile: Box<Compile>) -> Self {
        Self { compile, kept: Mutex::default() }
    }

    /// The policy of a text; compiled now, unless it was before.
    ///
    /// # Errors
    /// The compiler's.
    pub(super) fn get(&self, text: &str) -> Result<Arc<Policy>, String> {
        let known = |(of, _): &&(Box<str>, Arc<Policy>)| **of == *text;
        if let Some((_, policy)) = self.kept.lock().iter().find(known) {
            return Ok(policy.clone());
        }
        let policy = Arc::new((self.compile)(text)?);
        let mut kept = self.kept.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((text.into(), policy.clone()));
        Ok(policy)
    }
}
