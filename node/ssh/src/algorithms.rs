//! Which algorithms are spoken on either leg, in which order, and the settings of `russh`.
//!
//! Nothing with SHA-1, CBC, plain Diffie-Hellman or a MAC over plaintext. Both legs do strict key
//! exchange (CVE-2023-48795), and neither compresses.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use russh::{Limits as Rekey, MethodKind, MethodSet, Preferred, SshId};
use russh::{cipher, client, compression, kex, mac, server};

use crate::config::{self, KeyExchange, Limits, REKEY_BYTES, SshConfig};

/// What both sides say first.
const SSH_ID: &str = "SSH-2.0-Sallyport";

const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];
/// Without those that a quantum computer breaks.
const POST_QUANTUM: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];
const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];
/// AES-GCM costs half of what ChaCha20 costs, and the client's order decides: whoever has it is
/// offered nothing else.
const FAST_CIPHERS: &[cipher::Name] = &[cipher::AES_128_GCM, cipher::AES_256_GCM];
/// For clients without AES-GCM, such as older versions of PuTTY, libssh2 and Paramiko.
const ALL_CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];
/// How clients that surely have AES-GCM introduce themselves.
const HAVE_GCM: &[&[u8]] = &[b"SSH-2.0-OpenSSH_", b"SSH-2.0-Go"];
/// Kinds of keys that are believed, of people and of targets.
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// The settings towards clients: for those that have AES-GCM, and for all others.
pub(crate) struct Servers {
    fast: Arc<server::Config>,
    wide: Arc<server::Config>,
}

impl Servers {
    pub(crate) fn new(config: &SshConfig) -> Self {
        Self {
            fast: Arc::new(towards_clients(config, FAST_CIPHERS)),
            wide: Arc::new(towards_clients(config, ALL_CIPHERS)),
        }
    }

    /// The settings for a client that begins like this.
    pub(crate) fn fitting(&self, greeting: &[u8]) -> Arc<server::Config> {
        let has_gcm = HAVE_GCM.iter().any(|start| greeting.starts_with(start));
        if has_gcm { self.fast.clone() } else { self.wide.clone() }
    }
}

fn towards_clients(config: &SshConfig, ciphers: &'static [cipher::Name]) -> server::Config {
    let key_exchanges = match config.key_exchange {
        KeyExchange::Any => KEY_EXCHANGES,
        KeyExchange::PostQuantum => POST_QUANTUM,
    };
    server::Config {
        server_id: SshId::Standard(Cow::Borrowed(SSH_ID)),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: config::REJECTION_TIME,
        // The question which methods there are tells nothing, and every OpenSSH client asks it.
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![config.host_key.clone()],
        limits: rekey(&config.limits),
        channel_buffer_size: config::CHANNEL_MESSAGES,
        preferred: preferred(key_exchanges, ciphers, Cow::Borrowed(KEYS)),
        max_auth_attempts: config::LOGIN_ATTEMPTS,
        inactivity_timeout: Some(config::CLIENT_STALL),
        keepalive_interval: Some(config::KEEPALIVE),
        keepalive_max: config::CLIENT_KEEPALIVES,
        nodelay: true,
        ..server::Config::default()
    }
}

/// The settings towards a target. `pinned` says which kinds of host keys are asked for: a target
/// shows the kind that it is asked for first. None pinned asks for any.
pub(crate) fn towards_target(limits: &Limits, pinned: &[PublicKey]) -> client::Config {
    let kinds = |algorithm: &&Algorithm| {
        pinned.is_empty() || pinned.iter().any(|key| same_kind(&key.algorithm(), algorithm))
    };
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(SSH_ID)),
        limits: rekey(limits),
        channel_buffer_size: config::CHANNEL_MESSAGES,
        preferred: preferred(
            KEY_EXCHANGES,
            ALL_CIPHERS,
            KEYS.iter().filter(kinds).cloned().collect(),
        ),
        keepalive_interval: Some(config::KEEPALIVE),
        keepalive_max: config::TARGET_KEEPALIVES,
        nodelay: true,
        ..client::Config::default()
    }
}

fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    match (one, other) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        _ => one == other,
    }
}

fn rekey(limits: &Limits) -> Rekey {
    let bytes = limits.rekey_bytes.min(REKEY_BYTES);
    Rekey::new(bytes, bytes, limits.rekey_time)
}

fn preferred(
    key_exchanges: &'static [kex::Name],
    ciphers: &'static [cipher::Name],
    keys: Cow<'static, [Algorithm]>,
) -> Preferred {
    Preferred {
        kex: Cow::Borrowed(key_exchanges),
        host_key_certificates: Cow::Borrowed(&[]),
        key: keys,
        cipher: Cow::Borrowed(ciphers),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}
