//! The call that joins a cluster. The server's authority is pinned before the secret is sent, and
//! what comes back is believed only as far as it fits together.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use proto::entry::NodeAddresses;
use proto::ids::Name;
use proto::peer::{Join, Joined, MemberRecord, Message, Secret};
use proto::refusal::{Code, Told};
use proto::time::Utc;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::file::JoinFile;
use crate::certificate::{CertificateError, PrivateKey, sha256};
use crate::client::{CallError, failed_handshake, lost};
use crate::identity::NodeIdentity;
use crate::local::Program;
use crate::members::WallClock;
use crate::tls::{joining_config, no_host};
use crate::trust::Trust;
use crate::wire::{Frame, WireError};

/// How long a connection to one address may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long the answer may take: it is a write to the replicated log.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// Who joins.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// What it wants to be called.
    pub node: Name,
    /// Where it will be reached.
    pub addresses: NodeAddresses,
    /// Its key, which must be on its disk before it joins: with the same key a join whose answer
    /// was lost can be asked for again.
    pub key: PrivateKey,
    /// What it says of its program.
    pub program: Program,
}

/// What a node has when it has joined.
#[derive(Debug)]
pub struct Membership {
    /// Its identity; its name has the Raft id.
    pub identity: NodeIdentity,
    /// Its certificate (DER), to be kept.
    pub certificate: CertificateDer<'static>,
    /// The authorities of the cluster (DER), to be kept; that of its certificate is the first.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The key that the cluster's secrets are wrapped under, to be kept.
    pub cluster_key: Secret,
    /// The generation of that key.
    pub generation: u32,
    /// Everybody, as of now.
    pub members: Vec<MemberRecord>,
}

/// Why a node has not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The cluster, or one who answered instead of it, was refused or has refused.
    #[error(transparent)]
    Refused(#[from] Told),
    /// None of the addresses answered.
    #[error("no node of the cluster can be reached:\n{}", .0.join("\n"))]
    Unreachable(Vec<String>),
    /// The answer does not fit together.
    #[error("the cluster's answer is not right: {0}")]
    Answer(String),
    /// It cannot be asked at all.
    #[error("the join cannot be asked for: {0}")]
    Unfit(String),
}

impl JoinError {
    /// The code that a person is told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(told) => told.code,
            Self::Unreachable(_) => Code::PeerUnreachable,
            Self::Answer(_) => Code::PeerUntrusted,
            Self::Unfit(_) => Code::JoinRefused,
        }
    }
}

impl From<CertificateError> for JoinError {
    fn from(error: CertificateError) -> Self {
        Self::Answer(error.to_string())
    }
}

/// Joins a cluster by its join file: asks one address after the other, until one answers.
///
/// # Errors
/// [`JoinError`].
pub async fn join(
    file: &JoinFile,
    newcomer: &Newcomer,
    clock: Arc<dyn WallClock>,
) -> Result<Membership, JoinError> {
    let request = newcomer.key.request().map_err(|error| JoinError::Unfit(error.to_string()))?;
    let config =
        joining_config(file, clock.clone()).map_err(|error| JoinError::Unfit(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut failures = Vec::new();
    for seed in &file.seeds {
        let join = Message::Join(Join {
            cluster: file.cluster.to_string(),
            secret: file.secret.clone(),
            node: newcomer.node.to_string(),
            cluster_address: newcomer.addresses.cluster.clone(),
            api_address: newcomer.addresses.api.clone(),
            request: request.clone(),
            versions: newcomer.program.versions.clone(),
            program: newcomer.program.version.clone(),
        });
        match ask(&connector, seed, &join).await {
            Ok(joined) => return accept(file, newcomer, joined, clock.utc()),
            Err(CallError::Refused(told)) if is_final(told.code) => return Err(told.into()),
            Err(why) => failures.push(format!("{seed}: {why}")),
        }
    }
    Err(JoinError::Unreachable(failures))
}

/// Whether another node would say the same.
fn is_final(code: Code) -> bool {
    !matches!(
        code,
        Code::NoQuorum
            | Code::OutcomeUnknown
            | Code::TooManyRequests
            | Code::Draining
            | Code::PeerUnreachable
    )
}

async fn ask(connector: &TlsConnector, seed: &str, join: &Message) -> Result<Joined, CallError> {
    let connecting = async {
        let tcp = TcpStream::connect(seed).await;
        let tcp = tcp.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let failed = |error: io::Error| failed_handshake("of the cluster", seed, &error);
        connector.connect(no_host(), tcp).await.map_err(failed)
    };
    let mut stream =
        timeout(CONNECT_WITHIN, connecting).await.map_err(|_| CallError::TimedOut)??;
    let asking = async {
        Frame::new(1, join)?.write(&mut stream).await?;
        let header = Frame::read_header(&mut stream).await?;
        Frame::read_body(&mut stream, header).await?.message().map_err(WireError::from)
    };
    let answered = timeout(ANSWER_WITHIN, asking).await.map_err(|_| CallError::TimedOut)?;
    match answered.map_err(|error| lost("of the cluster", seed, &error))? {
        Message::Joined(joined) => Ok(joined),
        Message::Refused(refusal) => Err(CallError::Refused(refusal.into())),
        other => {
            let text = format!("{} is no answer to Join", other.name());
            Err(CallError::Refused(Told::new(Code::BadRequest, text)))
        }
    }
}

/// Takes an answer that fits together: a certificate for this node's key and name, of the
/// authority that was pinned.
fn accept(
    file: &JoinFile,
    newcomer: &Newcomer,
    joined: Joined,
    now: Utc,
) -> Result<Membership, JoinError> {
    let wrong = |what: &str| JoinError::Answer(what.to_owned());
    let certificate = CertificateDer::from(joined.certificate);
    let mut authorities: Vec<_> =
        joined.authorities.into_iter().map(CertificateDer::from).collect();
    if !authorities.iter().any(|authority| sha256(authority) == file.authority) {
        return Err(wrong("the authority of the join file is not among its authorities"));
    }
    let signs = |authority: &CertificateDer<'static>| {
        Trust::new(vec![authority.clone()])
            .is_ok_and(|trust| trust.verify(&certificate, now).is_ok())
    };
    let signer = authorities.iter().position(signs);
    let signer = signer.ok_or_else(|| wrong("none of its authorities signed the certificate"))?;
    authorities.swap(0, signer);
    let identity = NodeIdentity::new(&newcomer.key, certificate.clone(), authorities[0].clone())?;
    let name = identity.name();
    if name.cluster != file.cluster || name.node != newcomer.node {
        return Err(wrong(&format!("the certificate is for {name}")));
    }
    if name.raft_id != joined.raft_id {
        return Err(wrong("certificate and answer name different Raft ids"));
    }
    Ok(Membership {
        identity,
        certificate,
        authorities,
        cluster_key: joined.cluster_key.clone(),
        generation: joined.generation,
        members: joined.members,
    })
}
