//! What a node does for its peers: the port that the daemon is behind.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use proto::entry::NodeAddresses;
use proto::ids::{Digest, Name};
use proto::peer::raft;
use proto::peer::{
    Cancel, Joined, Kill, Killed, Renewed, Roster, SessionRows, SessionsAsk, Versions, Watch,
};
use proto::refusal::Told;

use crate::caller::Caller;
use crate::certificate::CertificateRequest;

/// The items of a stream: for a session that is watched, the exact bytes of its events. It is
/// asked for the next only when the watcher has room for it.
pub type Items = BoxStream<'static, Result<Vec<u8>, Told>>;

/// Somebody who wants to join: what they say, looked at. Only the secret's digest is passed on.
#[derive(Clone, Debug)]
pub struct Joiner {
    /// SHA-256 of the one-time secret that they showed.
    pub token: Digest,
    /// What they want to be called.
    pub node: Name,
    /// Where they will be reached.
    pub addresses: NodeAddresses,
    /// Their key.
    pub request: CertificateRequest,
    /// What they understand.
    pub versions: Versions,
    /// Their program's version.
    pub program: String,
}

/// Serves peers. What it returns may be dropped at any await, and is given up after a deadline.
pub trait Handler: Send + Sync + 'static {
    /// A call of Raft. `from` is who the certificate says, whatever the sender claims.
    fn raft(&self, request: raft::Request) -> BoxFuture<'static, raft::Response>;

    /// All members.
    fn roster(&self) -> Roster;

    /// Lets a node in, or not. Anybody can ask: a token that is not known must cost no write. It
    /// must be safe to repeat: a node whose answer was lost asks again with the same secret and
    /// key.
    fn join(&self, joiner: Joiner) -> BoxFuture<'static, Result<Joined, Told>>;

    /// Certifies a member again. The request is for the key that the member is known by.
    fn renew(
        &self,
        from: Caller,
        request: CertificateRequest,
    ) -> BoxFuture<'static, Result<Renewed, Told>>;

    /// The node's sessions.
    fn sessions(
        &self,
        from: Caller,
        ask: SessionsAsk,
    ) -> BoxFuture<'static, Result<SessionRows, Told>>;

    /// Shows a session as it goes on.
    fn watch(&self, from: Caller, watch: Watch) -> BoxFuture<'static, Result<Items, Told>>;

    /// Ends a statement of a database, if the key is right; nobody is told whether it is.
    fn cancel(&self, from: Caller, cancel: Cancel) -> BoxFuture<'static, Result<(), Told>>;

    /// Ends a session.
    fn kill(&self, from: Caller, kill: Kill) -> BoxFuture<'static, Result<Killed, Told>>;
}
