//! A peer that was judged: the proof that a certificate is of this cluster, and its key that of a
//! present member. Only judging makes one.

use proto::ids::Digest;
use proto::refusal::{Code, Told};
use rustls_pki_types::CertificateDer;

use crate::certificate::{PeerName, Presented};
use crate::local::Local;
use crate::members::Standing;
use crate::trust;

/// A member that has proven to be one.
#[derive(Clone, Debug)]
pub struct Caller {
    presented: Presented,
    certificate: CertificateDer<'static>,
}

impl Caller {
    /// Judges the certificate that somebody has shown, and whose key they have proven to hold.
    pub(crate) fn judge(local: &Local, certificate: &CertificateDer<'_>) -> Result<Self, Told> {
        let presented = Presented::read(certificate)
            .map_err(|error| Told::new(Code::PeerUntrusted, error.to_string()))?;
        let ours = &local.name().cluster;
        // Said before it is known to be true: a lie here only changes the text of a refusal.
        if presented.name.cluster != *ours {
            let theirs = &presented.name.cluster;
            let text = format!("the node is of the cluster {theirs}, this one of {ours}");
            return Err(Told::new(Code::WrongCluster, text));
        }
        let trusted = local.trust().verify(certificate, local.now());
        trusted.map_err(|error| trust::told(&error))?;
        let caller = Self { presented, certificate: certificate.clone().into_owned() };
        caller.judge_membership(local)?;
        Ok(caller)
    }

    /// Judges again what may have changed: all of it.
    pub(crate) fn judge_again(&self, local: &Local) -> Result<(), Told> {
        Self::judge(local, &self.certificate).map(drop)
    }

    /// Judges again what is cheap to judge: whether it is still a member, and still certified.
    pub(crate) fn judge_quickly(&self, local: &Local) -> Result<(), Told> {
        if self.presented.is_over(local.now()) {
            return Err(Told::new(Code::PeerUntrusted, "the node's certificate is over"));
        }
        self.judge_membership(local)
    }

    fn judge_membership(&self, local: &Local) -> Result<(), Told> {
        let PeerName { node, raft_id, .. } = &self.presented.name;
        let refuse = |what: &str| {
            let text = format!("node {node} (Raft id {raft_id}) {what}");
            Err(Told::new(Code::NotAMember, text))
        };
        match local.standing(*raft_id) {
            Standing::Member { node: known, .. } if known != *node => {
                refuse("is a member under another name")
            }
            Standing::Member { key, .. } if key != self.presented.key => {
                refuse("shows another key than the one that it joined with")
            }
            Standing::Member { .. } => Ok(()),
            Standing::Removed => refuse("was removed from the cluster"),
            Standing::Unknown => {
                local.met_a_stranger();
                refuse("is not a member that this node knows")
            }
        }
    }

    /// Who it is.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        &self.presented.name
    }

    /// SHA-256 of its public key (SPKI).
    #[must_use]
    pub fn key(&self) -> Digest {
        self.presented.key
    }
}
