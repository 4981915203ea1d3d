//! The cluster, as one node of it changes it: tokens for newcomers, nodes that are taken out,
//! backups.

use std::collections::BTreeMap;
use std::sync::Arc;

use consensus_raft::{ProposeError, ReadError, Replica};
use consensus_state::{Presence, Reply, State};
use node_api::{Agreement, Cluster};
use node_peer::Members as _;
use node_peer::join::JoinFile;
use node_peer::random::new_secret;
use node_session::Boxed;
use node_session::seal::backup::Recipient;
use proto::api::{ClusterProblem, JoinTokenGiven};
use proto::entry::{By, Entry, NodeRemoval};
use proto::ids::{Digest, Name};
use proto::refusal::{Code, Told};
use store_jetstream::Stream;
use zeroize::Zeroizing;

use super::handler::not_proposed;
use crate::founding::{JOIN_TOKEN_LASTS, token_entry};
use crate::home::ClusterKey;
use crate::restoring::backup_bytes;
use crate::roster::Roster;
use crate::streaming;

/// The cluster, through this node.
pub(crate) struct Members {
    replica: Arc<Replica>,
    roster: Arc<Roster>,
    key: Arc<ClusterKey>,
    authority: Digest,
    stream: Option<Arc<Stream>>,
}

impl Members {
    /// Over the node's replica; `authority` is what join files pin.
    #[must_use]
    pub(crate) fn new(
        replica: Arc<Replica>,
        roster: Arc<Roster>,
        key: Arc<ClusterKey>,
        authority: Digest,
        stream: Option<Arc<Stream>>,
    ) -> Self {
        Self { replica, roster, key, authority, stream }
    }

    async fn propose(&self, entry: Entry) -> Result<Reply, Told> {
        let answer = self.replica.propose(entry).await.map_err(|error| told(&error))?;
        match answer.reply {
            Reply::Refused(denied) => Err(Told::new(denied.code(), denied.to_string())),
            reply => Ok(reply),
        }
    }

    async fn make_token(&self, by: By) -> Result<JoinTokenGiven, Told> {
        let unfit = |error: &dyn std::fmt::Display| Told::new(Code::Internal, error.to_string());
        let secret = new_secret().map_err(|error| unfit(&error))?;
        let seeds: Vec<_> = self.roster.all().into_iter().map(|member| member.address).collect();
        let file = JoinFile {
            cluster: self.replica.with_state(|state| state.cluster().clone()),
            seeds,
            authority: self.authority,
            secret,
        };
        let text = file.to_text().map_err(|error| unfit(&error))?;
        self.propose(token_entry(file.secret_digest(), by)).await?;
        Ok(JoinTokenGiven { join_file: text.to_string(), expires_in: JOIN_TOKEN_LASTS.as_secs() })
    }

    async fn take_out(&self, node: Name, by: By) -> Result<(), Told> {
        let known = self.replica.with_state(|state| {
            let others = state.nodes().filter(|other| other.is_member() && other.name != node);
            let left = others.count();
            let presence = state.node(&node).map(|found| found.presence);
            (presence, left)
        });
        match known {
            (None | Some(Presence::Removed), _) => {
                let text = format!("{node} is no node of this cluster");
                return Err(Told::new(Code::NotAMember, text));
            }
            (Some(_), 0) => {
                let text = format!("{node} is the cluster's only node");
                return Err(Told::new(Code::LastVoter, text));
            }
            _ => {}
        }
        // Whoever leads takes its vote away as soon as the state says that it is no member.
        self.propose(Entry::NodeRemoved(NodeRemoval { node, by })).await.map(drop)
    }

    fn problems(&self) -> Vec<ClusterProblem> {
        let status = self.replica.status();
        let node = self.replica.identity().node;
        let mut problems = Vec::new();
        if let Err(why) = status.running {
            let told = Told::new(Code::LogDamaged, why);
            problems.push(ClusterProblem { node: node.clone(), told });
        }
        if let Some(off) = status.clock_off {
            let text = format!(
                "its clock is {:.1} s off the median of its peers: it does not lead; set the clock",
                off.as_secs_f64()
            );
            let told = Told::new(Code::ClockOff, text);
            problems.push(ClusterProblem { node: node.clone(), told });
        }
        let of_stream = self.stream.iter().flat_map(|stream| streaming::problems(stream));
        problems.extend(of_stream.map(|told| ClusterProblem { node: node.clone(), told }));
        problems
    }
}

/// Why nothing is known to have been changed. What to do about it is said with it by the API.
fn told(error: &ProposeError) -> Told {
    match error {
        ProposeError::NoQuorum => Told::plain(Code::NoQuorum),
        ProposeError::Unknown => Told::plain(Code::OutcomeUnknown),
        other => not_proposed(other),
    }
}

impl Cluster for Members {
    fn agreement(&self) -> Agreement {
        let status = self.replica.status();
        let names: BTreeMap<u64, Name> = self.replica.with_state(|state: &State| {
            state.nodes().map(|node| (node.raft_id, node.name.clone())).collect()
        });
        let named = |raft_id: &u64| names.get(raft_id).cloned();
        let last = status.last_log.map_or(0, |index| index + 1);
        let behind = status.replication.iter().filter_map(|(raft_id, matched)| {
            let matched = matched.map_or(0, |index| index + 1);
            Some((named(raft_id)?, last.saturating_sub(matched)))
        });
        let heard = names.iter().filter_map(|(raft_id, name)| {
            let age = self.replica.heard_ago(*raft_id)?;
            Some((name.clone(), u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
        });
        Agreement {
            leader: status.leader.as_ref().and_then(named),
            term: status.term,
            voters: status.voters.iter().filter_map(named).collect(),
            learners: status.learners.iter().filter_map(named).collect(),
            heard_ms: heard.collect(),
            behind: behind.collect(),
            problems: self.problems(),
        }
    }

    fn leads(&self) -> bool {
        let status = self.replica.status();
        status.leader == Some(status.raft_id)
    }

    fn join_token(&self, by: By) -> Boxed<'_, Result<JoinTokenGiven, Told>> {
        Box::pin(self.make_token(by))
    }

    fn remove(&self, node: Name, by: By) -> Boxed<'_, Result<(), Told>> {
        Box::pin(self.take_out(node, by))
    }

    fn backup(&self, recipient: Recipient) -> Boxed<'_, Result<Vec<u8>, Told>> {
        Box::pin(async move {
            // What a majority had acknowledged before it was asked for is in it.
            self.replica.read().await.map_err(|error| match error {
                ReadError::NoQuorum => Told::plain(Code::NoQuorum),
                ReadError::Stopped(why) => Told::new(Code::RecordUnavailable, why),
            })?;
            let state = self.replica.with_state(State::to_snapshot);
            let plain: Zeroizing<Vec<u8>> = backup_bytes(&self.key, &state);
            recipient.seal(&plain).map_err(|error| Told::new(Code::Internal, error))
        })
    }
}
