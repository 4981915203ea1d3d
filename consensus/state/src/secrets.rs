//! Secrets of the cluster, wrapped under a key that only nodes hold, and checkpoints of the nodes'
//! chains. Nothing here can unwrap anything.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

use std::collections::BTreeMap;

use proto::entry::{By, Checkpoint, SecretSetting};
use proto::ids::{Digest, Epoch, Name};
use proto::time::Utc;
use rkyv::{Archive, Deserialize, Serialize};

use crate::denied::Denied;
use crate::effects::Effects;
use crate::limits;
use crate::reply::Reply;
use crate::state::State;

/// A wrapped secret.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Wrapped {
    /// It, encrypted.
    pub wrapped: Vec<u8>,
    /// The generation of the key that it is encrypted under.
    pub generation: u32,
    /// When it was set, in the state's time.
    pub at: Utc,
    /// Who set it.
    pub by: By,
}

/// How far a node's chain is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct SealedCheckpoint {
    /// The node's epoch.
    pub epoch: Epoch,
    /// The last durable event.
    pub seq: u64,
    /// SHA-256 of its bytes.
    pub hash: Digest,
    /// When it was sealed, in the state's time.
    pub at: Utc,
}

pub(crate) type Secrets = BTreeMap<Name, Wrapped>;
pub(crate) type Checkpoints = BTreeMap<Name, SealedCheckpoint>;

impl State {
    pub(crate) fn set_secret(
        &mut self,
        setting: &SecretSetting,
        effects: &mut Effects,
    ) -> Result<Reply, Denied> {
        let SecretSetting { name, wrapped, generation, by } = setting;
        self.check_by(by)?;
        limits::check(wrapped.len(), "a wrapped secret in bytes", limits::SECRET_BYTES)?;
        match self.secrets.get(name) {
            Some(kept) if *generation < kept.generation => {
                return Err(Denied::StaleGeneration { kept: kept.generation });
            }
            Some(_) => {}
            None => {
                let count = self.secrets.len() + 1;
                limits::check(count, "the number of secrets", limits::SECRETS)?;
            }
        }
        let (wrapped, generation) = (wrapped.clone(), *generation);
        let secret = Wrapped { wrapped, generation, at: self.time, by: by.clone() };
        self.secrets.insert(name.clone(), secret);
        effects.changed.secrets = true;
        Ok(Reply::Done)
    }

    pub(crate) fn seal_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<Reply, Denied> {
        let Checkpoint { node, epoch, seq, hash } = checkpoint;
        self.running(node, *epoch)?;
        if let Some(kept) = self.checkpoints.get(node) {
            if *seq < kept.seq {
                return Err(Denied::CheckpointBehind { kept: kept.seq });
            }
            if *seq == kept.seq {
                let same = *hash == kept.hash;
                return if same {
                    Ok(Reply::Done)
                } else {
                    Err(Denied::CheckpointDiffers { seq: *seq })
                };
            }
        }
        let sealed = SealedCheckpoint { epoch: *epoch, seq: *seq, hash: *hash, at: self.time };
        self.checkpoints.insert(node.clone(), sealed);
        Ok(Reply::Done)
    }
}
