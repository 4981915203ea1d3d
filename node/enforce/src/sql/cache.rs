//! Readings by text, bounded in number and bytes.
//!
//! The key is a digest of the text, so that no raw text stays here. Two generations: what was not
//! asked for while the younger one filled is forgotten with the older one.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};

use super::{Options, Script};

/// How many readings one generation keeps.
const COUNT_LIMIT: usize = 4096;
/// How many bytes of texts one generation stands for: a reading is in proportion to its text.
const BYTES_LIMIT: usize = 4 * 1024 * 1024;
/// The longest text that is kept, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;

/// A digest of text and options.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(text: &str, options: Options) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[u8::from(options.standard_conforming_strings)]);
        context.update(text.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}

#[derive(Default)]
struct Generation {
    bytes: usize,
    readings: HashMap<Key, (usize, Arc<Script>)>,
}

/// Two generations of readings.
#[derive(Default)]
pub(super) struct Cache(Mutex<(Generation, Generation)>);

impl Cache {
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Script>> {
        let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (young, old) = &mut *both;
        if let Some((_, script)) = young.readings.get(key) {
            return Some(script.clone());
        }
        let (bytes, script) = old.readings.remove(key)?;
        old.bytes -= bytes;
        put(&mut both, *key, bytes, script.clone());
        Some(script)
    }

    pub(super) fn put(&self, key: Key, bytes: usize, script: Arc<Script>) {
        if bytes <= TEXT_LIMIT {
            let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            put(&mut both, key, bytes, script);
        }
    }

    #[cfg(test)]
    fn sizes(&self) -> (usize, usize) {
        let both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = both.0.readings.len() + both.1.readings.len();
        (count, both.0.bytes + both.1.bytes)
    }
}

fn put(both: &mut (Generation, Generation), key: Key, bytes: usize, script: Arc<Script>) {
    let (young, old) = both;
    if young.readings.len() >= COUNT_LIMIT || young.bytes + bytes > BYTES_LIMIT {
        *old = std::mem::take(young);
    }
    if young.readings.insert(key, (bytes, script)).is_none() {
        young.bytes += bytes;
    }
}
