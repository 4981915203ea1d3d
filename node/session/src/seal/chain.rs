//! The texts of one session, sealed one behind the other: agreeing on a key with the audit key
//! costs more than all else that is done for a command, so it is done once for many of them.
//!
//! A chain begins with one HPKE encapsulation, whose export is the first link. Each link gives the
//! key of one text and the next link, both by HMAC-SHA256, and is forgotten then: whoever gets hold
//! of a node's memory cannot open what was sealed before. A key seals one text, so its nonce is
//! zero. In text: [`MARK`], then base64 of the encapsulated key (32 bytes), the number of the link
//! (2 bytes, big-endian) and the ciphertext (ChaCha20-Poly1305). Whoever opens it walks the chain
//! from its beginning; that is what bounds its length.

use base64::Engine as _;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use proto::event::TEXT_PART_BYTES;
use proto::ids::SessionId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

use super::{
    BASE64, CannotOpen, ENCAPSULATED_BYTES, Encapsulated, HkdfSha256, PrivateKey, PublicKey,
    SealKey, X25519HkdfSha256, place,
};

/// What a text of a chain begins with: no letter of base64, so that it is not taken for one that
/// was sealed by itself.
pub(super) const MARK: &str = "c1.";
/// How many texts one chain seals.
pub(super) const LINKS: u16 = 256;
const INFO: &[u8] = b"io.sallyport sealed chain v1";
const FIRST: &[u8] = b"first link";
const NUMBER_BYTES: usize = 2;
/// Of a key that seals one text.
const NONCE: [u8; 12] = [0; 12];

type Aead = hpke::aead::ChaCha20Poly1305;

/// A link: what the key of one text and the next link are made of.
struct Link(Zeroizing<[u8; 32]>);

impl Link {
    fn derive(&self, what: &[u8]) -> Zeroizing<[u8; 32]> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), what);
        let mut derived = Zeroizing::new([0; 32]);
        derived.copy_from_slice(tag.as_ref());
        derived
    }

    fn next(&self) -> Self {
        Self(self.derive(b"next"))
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &*self.derive(b"text")).ok().map(LessSafeKey::new)
    }
}

/// Seals the texts of one session.
pub struct Sealer {
    key: SealKey,
    chain: Option<Chain>,
}

struct Chain {
    encapsulated: [u8; ENCAPSULATED_BYTES],
    link: Link,
    number: u16,
}

impl Sealer {
    pub(crate) fn new(key: SealKey) -> Self {
        Self { key, chain: None }
    }

    /// Seals a whole command, in items of [`TEXT_PART_BYTES`]; an empty command gives one item.
    ///
    /// # Errors
    /// A text of the encryption's own, when it fails.
    pub fn seal(
        &mut self,
        session: &SessionId,
        command: u64,
        text: &[u8],
    ) -> Result<Vec<String>, String> {
        let first: &[u8] = &[];
        let parts =
            if text.is_empty() { vec![first] } else { text.chunks(TEXT_PART_BYTES).collect() };
        let numbered = parts.into_iter().enumerate();
        numbered
            .map(|(part, text)| self.part(&place(session, command, part as u64), text))
            .collect()
    }

    fn part(&mut self, place: &str, text: &[u8]) -> Result<String, String> {
        let chain = match self.chain.take().filter(|chain| chain.number < LINKS) {
            Some(chain) => chain,
            None => begin(&self.key.0)?,
        };
        let failed = || "a text cannot be sealed".to_owned();
        let mut bytes = Vec::with_capacity(ENCAPSULATED_BYTES + NUMBER_BYTES + text.len() + 16);
        bytes.extend_from_slice(&chain.encapsulated);
        bytes.extend_from_slice(&chain.number.to_be_bytes());
        let head = bytes.len();
        bytes.extend_from_slice(text);
        let key = chain.link.key().ok_or_else(failed)?;
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(place), &mut bytes[head..])
            .map_err(|_| failed())?;
        bytes.extend_from_slice(tag.as_ref());
        // The link is gone with this: no key seals twice, and none is kept.
        let (link, number) = (chain.link.next(), chain.number + 1);
        self.chain = Some(Chain { link, number, ..chain });
        let mut sealed = String::with_capacity(MARK.len() + bytes.len().div_ceil(3) * 4);
        sealed.push_str(MARK);
        BASE64.encode_string(bytes, &mut sealed);
        Ok(sealed)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

fn begin(key: &PublicKey) -> Result<Chain, String> {
    let mode = OpModeS::Base;
    let (encapsulated, context) =
        hpke::setup_sender::<Aead, HkdfSha256, X25519HkdfSha256>(&mode, key, INFO)
            .map_err(|error| error.to_string())?;
    let mut first = Zeroizing::new([0; 32]);
    context.export(FIRST, &mut *first).map_err(|error| error.to_string())?;
    let encapsulated = encapsulated.to_bytes().into();
    Ok(Chain { encapsulated, link: Link(first), number: 0 })
}

/// Opens one text of a chain, without its mark.
pub(super) fn open(
    key: &PrivateKey,
    place: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let bytes = Zeroizing::new(BASE64.decode(sealed).map_err(|_| CannotOpen)?);
    let (head, rest) = bytes.split_at_checked(ENCAPSULATED_BYTES).ok_or(CannotOpen)?;
    let (number, ciphertext) = rest.split_first_chunk::<NUMBER_BYTES>().ok_or(CannotOpen)?;
    let number = u16::from_be_bytes(*number);
    if number >= LINKS {
        return Err(CannotOpen);
    }
    let mut link = first(key, head).ok_or(CannotOpen)?;
    for _ in 0..number {
        link = link.next();
    }
    let key = link.key().ok_or(CannotOpen)?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let length =
        key.open_in_place(nonce, Aad::from(place), &mut text).map_err(|_| CannotOpen)?.len();
    text.truncate(length);
    Ok(text)
}

fn first(key: &PrivateKey, encapsulated: &[u8]) -> Option<Link> {
    let encapsulated = Encapsulated::from_bytes(encapsulated).ok()?;
    let mode = OpModeR::Base;
    let context =
        hpke::setup_receiver::<Aead, HkdfSha256, X25519HkdfSha256>(&mode, key, &encapsulated, INFO);
    let mut first = Zeroizing::new([0; 32]);
    context.ok()?.export(FIRST, &mut *first).ok()?;
    Some(Link(first))
}
