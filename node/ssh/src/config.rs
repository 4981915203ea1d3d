//! What the SSH listener is given by whoever wires the node, and every limit that it keeps.
//!
//! A limit is a named constant with its unit; [`Limits`] exists so that tests can lower them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use node_session::CredentialError;
use node_session::door::DoorLimits;
use proto::target::Target;
use russh::keys::PrivateKey;

/// How long every rejected login takes, whatever the reason was.
pub(crate) const REJECTION_TIME: Duration = Duration::from_millis(500);
/// How many signatures one connection may show in vain.
pub(crate) const LOGIN_ATTEMPTS: usize = 6;
/// How many channels one connection may have open at a time.
pub(crate) const CHANNELS: usize = 64;
/// How many channels one connection may open in its life: russh keeps about 4 KiB of each channel
/// that we closed until its connection ends.
pub(crate) const CHANNELS_EVER: u64 = 8192;
/// At how many places one connection may have its target listen.
pub(crate) const LISTENS: usize = 16;
/// How long a client's connection waits until its target listens: for the target to be reached, and
/// asked.
pub(crate) const LISTEN_DEADLINE: Duration = Duration::from_secs(20);
/// How many refusals of one connection are recorded one by one.
pub(crate) const REFUSALS_RECORDED: u32 = 256;
/// How long each channel that is refused takes from then on.
pub(crate) const REFUSAL_PAUSE: Duration = Duration::from_millis(10);
/// After how many bytes in one direction new keys are agreed on, on either leg; at most 1 GiB.
pub(crate) const REKEY_BYTES: usize = 1 << 30;
/// After how long new keys are agreed on, on either leg.
pub(crate) const REKEY_TIME: Duration = Duration::from_secs(3600);
/// After how much silence a peer is asked whether it is still there.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often a client may leave that unanswered: five minutes, since people suspend their clients.
pub(crate) const CLIENT_KEEPALIVES: usize = 10;
/// How often a target may leave that unanswered.
pub(crate) const TARGET_KEEPALIVES: usize = 3;
/// How long a client may take no byte that is written to it.
pub(crate) const CLIENT_STALL: Duration = Duration::from_secs(600);
/// How long the target's TCP connection may take.
pub(crate) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long the key exchange and the login at the target may take together.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the target may take to open a channel.
pub(crate) const OPEN_DEADLINE: Duration = Duration::from_secs(10);
/// How long a target's connection is kept that runs no command.
pub(crate) const KEPT_IDLE: Duration = Duration::from_secs(30);
/// How old a target's connection may be when it is kept: what a target decides at a login counts
/// for no longer.
pub(crate) const KEPT_AGE: Duration = Duration::from_secs(600);
/// How long a target may take to open a channel on a connection that was kept: then a new one is
/// tried.
pub(crate) const KEPT_OPEN_DEADLINE: Duration = Duration::from_secs(2);
/// How long the target may take to be sent the environment and the command, and to accept it.
pub(crate) const EXEC_DEADLINE: Duration = Duration::from_secs(10);
/// How long last words to a client may take that does not read them.
pub(crate) const FAREWELL_DEADLINE: Duration = Duration::from_secs(5);
/// How long an orderly goodbye to a target may take.
pub(crate) const GOODBYE_DEADLINE: Duration = Duration::from_secs(1);
/// How long a target must be silent before what is held of its output is taken for a question.
pub(crate) const OUTPUT_QUIET: Duration = Duration::from_millis(10);
/// How much output is masked and recorded at a time, in bytes.
pub(crate) const CHUNK_BYTES: usize = 32 * 1024;
/// How many messages of a channel may wait for their reader, on either side.
pub(crate) const CHANNEL_MESSAGES: usize = 32;

/// What the SSH listener needs besides sessions.
pub struct SshConfig {
    /// The key that clients know the fleet by; Ed25519.
    pub host_key: PrivateKey,
    /// Where private keys for targets come from.
    pub credentials: Arc<dyn Credentials>,
    /// An existing folder, 0700, for input that waits for slow targets. Files in it are encrypted
    /// with a key that is only in memory, and have no name once they are open.
    pub spool_directory: PathBuf,
    /// Which key exchanges clients may choose.
    pub key_exchange: KeyExchange,
    /// The limits; the default unless a test lowers them.
    pub limits: Limits,
}

/// Which key exchanges clients may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// ML-KEM with X25519, or X25519 alone: the latter is all that OpenSSH before 9.9, PuTTY before
    /// 0.83, libssh2 and Paramiko have in common with this gateway.
    #[default]
    Any,
    /// ML-KEM with X25519 alone: what is recorded on the wire today is not read by a quantum
    /// computer tomorrow, and older clients do not get in.
    PostQuantum,
}

/// Limits that tests lower.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Who may connect, and how long a login may take: russh has no such deadline of its own.
    pub door: DoorLimits,
    /// How many channels one connection may have open at a time.
    pub channels: usize,
    /// After how many bytes in one direction new keys are agreed on, on either leg; at most 1 GiB.
    pub rekey_bytes: usize,
    /// After how long new keys are agreed on, on either leg.
    pub rekey_time: Duration,
    /// How long a target's connection is kept for the next command of a client's connection.
    pub kept: KeptLimits,
    /// How many bytes of input one channel may have waiting for its target.
    pub spool_per_channel: u64,
    /// How many bytes of input may wait in files in all.
    pub spool_per_node: u64,
}

/// How long a target's connection outlives its command.
#[derive(Clone, Copy, Debug)]
pub struct KeptLimits {
    /// How long without a command.
    pub idle: Duration,
    /// How old it may be: what a target decides at a login counts for no longer.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            door: DoorLimits::default(),
            channels: CHANNELS,
            rekey_bytes: REKEY_BYTES,
            rekey_time: REKEY_TIME,
            kept: KeptLimits { idle: KEPT_IDLE, age: KEPT_AGE },
            spool_per_channel: crate::spool::CHANNEL_BYTES,
            spool_per_node: crate::spool::NODE_BYTES,
        }
    }
}

/// Gives the private keys that the gateway logs in to targets with.
pub trait Credentials: Send + Sync + 'static {
    /// The key for a target. It is asked for before each command, so it should be at hand.
    ///
    /// # Errors
    /// [`CredentialError`] when this node does not have it.
    fn private_key(&self, target: &Target) -> Result<Arc<PrivateKey>, CredentialError>;
}
