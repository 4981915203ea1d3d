//! Who may still use how much of the quota.
//!
//! Last words may use the room kept back; nothing else may, not even the node's own records.

use std::collections::HashMap;

use store_log::{RefusedBecause, Share, Urgency};

use crate::options::Options;

/// Bytes in use, by share.
#[derive(Debug)]
pub(crate) struct Account {
    used: u64,
    shares: HashMap<u64, u64>,
    quota: u64,
    last_words: u64,
    share: u64,
    strangers: u64,
    /// Some share has more than half of its limit.
    pressing: bool,
}

impl Account {
    pub(crate) fn new(options: &Options) -> Self {
        let percent = |of_hundred: u8| {
            let product = u128::from(options.quota_bytes) * u128::from(of_hundred);
            u64::try_from(product / 100).unwrap_or(u64::MAX)
        };
        Self {
            used: 0,
            shares: HashMap::new(),
            quota: options.quota_bytes,
            last_words: options.last_words_bytes,
            share: percent(options.share_percent),
            strangers: percent(options.strangers_percent),
            pressing: false,
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    pub(crate) fn quota(&self) -> u64 {
        self.quota
    }

    /// Whether `bytes` more fit, for this share and urgency.
    pub(crate) fn allows(
        &self,
        share: Share,
        urgency: Urgency,
        bytes: u64,
    ) -> Result<(), RefusedBecause> {
        let ordinary = urgency == Urgency::Ordinary;
        let kept_back = if ordinary { 0 } else { self.last_words };
        if self.used.saturating_add(bytes) > self.quota.saturating_add(kept_back) {
            return Err(RefusedBecause::Full);
        }
        let has = self.shares.get(&share.0).copied().unwrap_or(0);
        if ordinary && has.saturating_add(bytes) > self.limit(share.0) {
            return Err(RefusedBecause::ShareUsedUp);
        }
        Ok(())
    }

    fn limit(&self, share: u64) -> u64 {
        match Share(share) {
            Share::NODE => u64::MAX,
            Share::STRANGERS => self.strangers,
            _ => self.share,
        }
    }

    /// Whether records should leave the quota: half of it, or half of somebody's share, is used.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressing || self.used > self.quota / 2
    }

    pub(crate) fn add(&mut self, share: u64, bytes: u64) {
        self.used += bytes;
        let half = self.limit(share) / 2;
        let has = self.shares.entry(share).or_default();
        *has += bytes;
        self.pressing |= *has > half;
    }

    /// Records left the quota.
    pub(crate) fn release(&mut self, shares: &HashMap<u64, u64>) {
        for (share, bytes) in shares {
            self.used = self.used.saturating_sub(*bytes);
            if let Some(has) = self.shares.get_mut(share) {
                *has = has.saturating_sub(*bytes);
                if *has == 0 {
                    self.shares.remove(share);
                }
            }
        }
        let limited = |(share, has): (&u64, &u64)| *has > self.limit(*share) / 2;
        self.pressing = self.shares.iter().any(limited);
    }
}
