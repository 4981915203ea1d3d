//! The listener's randomness: nonces of logins and keys of cancel requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Length of our half of a login's nonce, in bytes.
const NONCE_BYTES: usize = 18;

/// Fresh bytes; none when the system gives none.
pub(super) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok().map(|()| bytes)
}

/// Our half of a login's nonce.
pub(super) fn nonce() -> Option<String> {
    bytes::<NONCE_BYTES>().map(|bytes| BASE64.encode(bytes))
}
