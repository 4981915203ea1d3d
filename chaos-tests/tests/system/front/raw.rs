//! An SSH client of our own (RFC 4253), which sends exactly what it is told to: for what no
//! ordinary client would say.
//!
//! It speaks curve25519-sha256, aes128-gcm@openssh.com and Ed25519 and nothing else, and it believes
//! any host key: the gateway of a test is the only one that it ever meets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::live::{SHORT, until};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// What it says first; what stands behind the prefix decides which ciphers it is offered.
pub(super) const GREETING: &str = "SSH-2.0-OpenSSH_9.2";
/// How far apart the bytes of a slow greeting come.
const MOMENT: Duration = Duration::from_millis(40);
/// The bytes of a packet's length, and of its tag under AES-GCM.
const LENGTH: usize = 4;
const TAG: usize = 16;

/// Numbers of messages (RFC 4250, 4.1.2).
pub(super) mod message {
    pub(crate) const DISCONNECT: u8 = 1;
    pub(crate) const IGNORE: u8 = 2;
    pub(crate) const DEBUG: u8 = 4;
    pub(crate) const SERVICE_REQUEST: u8 = 5;
    pub(crate) const SERVICE_ACCEPT: u8 = 6;
    pub(crate) const EXTENSIONS: u8 = 7;
    pub(crate) const KEXINIT: u8 = 20;
    pub(crate) const NEWKEYS: u8 = 21;
    pub(crate) const ECDH_INIT: u8 = 30;
    pub(crate) const ECDH_REPLY: u8 = 31;
    pub(crate) const AUTH_REQUEST: u8 = 50;
    pub(crate) const AUTH_FAILURE: u8 = 51;
    pub(crate) const AUTH_SUCCESS: u8 = 52;
    pub(crate) const AUTH_KEY_OK: u8 = 60;
    pub(crate) const GLOBAL_REQUEST: u8 = 80;
    pub(crate) const CHANNEL_OPEN: u8 = 90;
    pub(crate) const CHANNEL_OPENED: u8 = 91;
    pub(crate) const CHANNEL_NOT_OPENED: u8 = 92;
    pub(crate) const WINDOW_ADJUST: u8 = 93;
    pub(crate) const CHANNEL_DATA: u8 = 94;
    pub(crate) const CHANNEL_CLOSE: u8 = 97;
    pub(crate) const CHANNEL_REQUEST: u8 = 98;
    pub(crate) const CHANNEL_SUCCESS: u8 = 99;
    pub(crate) const CHANNEL_FAILURE: u8 = 100;
}

/// One direction's key, once there is one.
struct Sealing {
    key: LessSafeKey,
    fixed: [u8; 4],
    counter: u64,
}

impl Sealing {
    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.fixed);
        nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// A connection.
pub(super) struct Raw {
    stream: TcpStream,
    theirs: String,
    sends: Option<Sealing>,
    hears: Option<Sealing>,
    session: Vec<u8>,
}

/// A string of the protocol: its length, and its bytes.
pub(super) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// A number that is positive (RFC 4251, 5).
fn number(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[start..];
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    string([sign, bytes].concat())
}

/// Takes a string off the front.
fn taken<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<LENGTH>().context("a length")?;
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    let (bytes, behind) = behind.split_at_checked(length).context("a string")?;
    *rest = behind;
    Ok(bytes)
}

/// `SSH_MSG_KEXINIT` that offers one of each, and this compression.
pub(super) fn offer(compression: &str) -> Vec<u8> {
    offer_of("curve25519-sha256", compression)
}

/// The same from a client that keeps to the strict key exchange, by which nothing can be slipped in
/// (CVE-2023-48795).
pub(super) fn strict_offer() -> Vec<u8> {
    offer_of("curve25519-sha256,kex-strict-c-v00@openssh.com", "none")
}

fn offer_of(key_exchange: &str, compression: &str) -> Vec<u8> {
    let cipher = "aes128-gcm@openssh.com";
    let mac = "hmac-sha2-256-etm@openssh.com";
    let lists = [key_exchange, "ssh-ed25519", cipher, cipher, mac, mac, compression, compression];
    let mut payload = vec![message::KEXINIT];
    payload.extend([7; 16]);
    payload.extend(lists.iter().chain(&["", ""]).flat_map(string));
    payload.extend([0; 5]);
    payload
}

/// `SSH_MSG_CHANNEL_OPEN` of a session, with the client's number and window.
pub(super) fn open(channel: u32, window: u32) -> Vec<u8> {
    let numbers = [channel, window, 32 * 1024].map(u32::to_be_bytes).concat();
    [vec![message::CHANNEL_OPEN], string("session"), numbers].concat()
}

/// `SSH_MSG_CHANNEL_REQUEST` that wants an answer.
pub(super) fn ask(channel: u32, request: &str, body: &[u8]) -> Vec<u8> {
    let to = channel.to_be_bytes().to_vec();
    [vec![message::CHANNEL_REQUEST], to, string(request), vec![1], body.to_vec()].concat()
}

/// A message about a channel, with a body.
pub(super) fn about(kind: u8, channel: u32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &channel.to_be_bytes(), body].concat()
}

impl Raw {
    /// Connects, and says nothing.
    pub(super) fn silent(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_write_timeout(Some(SHORT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, theirs: String::new(), sends: None, hears: None, session: Vec::new() })
    }

    /// Connects and greets.
    pub(super) fn greeted(port: u16) -> Result<Self> {
        let mut raw = Self::silent(port)?;
        raw.bytes(format!("{GREETING}\r\n").as_bytes())?;
        raw.hear_greeting()?;
        Ok(raw)
    }

    fn hear_greeting(&mut self) -> Result<()> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.extend(self.exactly(1)?);
        }
        self.theirs = String::from_utf8(line)?.trim_end().to_owned();
        Ok(())
    }

    /// Connects and agrees on keys.
    pub(super) fn keyed(port: u16) -> Result<Self> {
        let mut raw = Self::greeted(port)?;
        raw.exchange()?;
        Ok(raw)
    }

    /// Connects and logs in with an Ed25519 key of `ssh-keygen`.
    pub(super) fn logged_in(port: u16, user: &str, key: &Path) -> Result<Self> {
        let mut raw = Self::keyed(port)?;
        raw.log_in(user, key)?;
        Ok(raw)
    }

    /// The same, with a greeting that comes byte by byte.
    pub(super) fn slowly(port: u16, user: &str, key: &Path) -> Result<Self> {
        let mut raw = Self::silent(port)?;
        for byte in format!("{GREETING}\r\n").as_bytes() {
            raw.bytes(&[*byte])?;
            let begun = Instant::now();
            until("a moment", SHORT, || Ok((begun.elapsed() > MOMENT).then_some(())))?;
        }
        raw.hear_greeting()?;
        raw.exchange()?;
        raw.log_in(user, key)?;
        Ok(raw)
    }

    fn log_in(&mut self, user: &str, key: &Path) -> Result<()> {
        self.serve("ssh-userauth")?;
        let request = self.signed(user, key)?;
        self.packet(&request)?;
        let answer = self.hear()?;
        ensure!(answer == [message::AUTH_SUCCESS], "not let in: {answer:?}");
        Ok(())
    }

    /// Sends bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Sends a message, sealed once there are keys.
    pub(super) fn packet(&mut self, payload: &[u8]) -> Result<()> {
        let bytes = self.sealed(payload)?;
        self.bytes(&bytes)
    }

    /// A message as it goes over the wire.
    pub(super) fn sealed(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        let (block, counted) = if self.sends.is_some() { (16, 0) } else { (8, LENGTH) };
        let mut padding = block - (counted + 1 + payload.len()) % block;
        padding += if padding < 4 { block } else { 0 };
        let length = u32::try_from(1 + payload.len() + padding)?.to_be_bytes();
        let mut body = vec![u8::try_from(padding)?];
        body.extend_from_slice(payload);
        body.resize(body.len() + padding, 0);
        if let Some(sealing) = &mut self.sends {
            let nonce = sealing.nonce();
            let tag = sealing.key.seal_in_place_separate_tag(nonce, Aad::from(length), &mut body);
            body.extend_from_slice(tag.ok().context("sealed")?.as_ref());
        }
        Ok([&length, &body[..]].concat())
    }

    fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next message that means something.
    pub(super) fn hear(&mut self) -> Result<Vec<u8>> {
        const NOISE: [u8; 3] = [message::IGNORE, message::DEBUG, message::EXTENSIONS];
        loop {
            let payload = self.hear_any()?;
            if payload.first().is_some_and(|kind| !NOISE.contains(kind)) {
                return Ok(payload);
            }
        }
    }

    fn hear_any(&mut self) -> Result<Vec<u8>> {
        let length = self.exactly(LENGTH)?;
        let count = usize::try_from(u32::from_be_bytes(length.as_slice().try_into()?))?;
        let tag = if self.hears.is_some() { TAG } else { 0 };
        let mut body = self.exactly(count + tag)?;
        if let Some(sealing) = &mut self.hears {
            let nonce = sealing.nonce();
            let opened = sealing.key.open_in_place(nonce, Aad::from(length), &mut body);
            opened.ok().context("what came is not as it was sent")?;
            body.truncate(count);
        }
        let padding = usize::from(*body.first().context("a padding")?);
        let payload = body.get(1..count.saturating_sub(padding)).context("a payload")?;
        Ok(payload.to_vec())
    }

    /// Reads until the other side has closed. Nothing that is still said counts.
    pub(super) fn closed(&mut self) -> Result<()> {
        let mut sink = [0; 4096];
        loop {
            match self.stream.read(&mut sink) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => bail!("it is not closed: {error}"),
            }
        }
    }

    /// Agrees on keys for the first time.
    fn exchange(&mut self) -> Result<()> {
        let ours = offer("none");
        self.packet(&ours)?;
        let theirs = self.hear()?;
        ensure!(theirs.first() == Some(&message::KEXINIT), "{theirs:?}");
        let random = SystemRandom::new();
        let secret = EphemeralPrivateKey::generate(&X25519, &random).ok().context("a key")?;
        let public = secret.compute_public_key().ok().context("a key")?;
        self.packet(&[vec![message::ECDH_INIT], string(&public)].concat())?;
        let reply = self.hear()?;
        let (kind, mut rest) = reply.split_first().context("a reply")?;
        ensure!(*kind == message::ECDH_REPLY, "{reply:?}");
        let (host_key, their_public) = (taken(&mut rest)?, taken(&mut rest)?);
        let peer = UnparsedPublicKey::new(&X25519, their_public);
        let shared = agree_ephemeral(secret, &peer, number).ok().context("a secret")?;
        let (greeting, answer) = (string(GREETING), string(&self.theirs));
        let inits = [string(&ours), string(&theirs)].concat();
        let keys = [string(host_key), string(&public), string(their_public)].concat();
        let hashed = [greeting, answer, inits, keys, shared.clone()].concat();
        self.session = digest(&SHA256, &hashed).as_ref().to_vec();
        self.packet(&[message::NEWKEYS])?;
        let new_keys = self.hear()?;
        ensure!(new_keys == [message::NEWKEYS], "{new_keys:?}");
        self.sends = Some(self.direction(&shared, *b"AC")?);
        self.hears = Some(self.direction(&shared, *b"BD")?);
        Ok(())
    }

    /// A direction's key (RFC 4253, 7.2), out of the letters of its first nonce and of itself.
    fn direction(&self, shared: &[u8], [nonce, key]: [u8; 2]) -> Result<Sealing> {
        let derive = |letter: u8| {
            let hashed = [shared, &self.session, &[letter], &self.session].concat();
            digest(&SHA256, &hashed).as_ref().to_vec()
        };
        let (nonce, key) = (derive(nonce), derive(key));
        let (fixed, counter) = nonce.split_first_chunk::<4>().context("a nonce")?;
        let counter = counter.first_chunk::<8>().context("a nonce")?;
        let key = UnboundKey::new(&AES_128_GCM, &key[..16]).ok().context("a key")?;
        let counter = u64::from_be_bytes(*counter);
        Ok(Sealing { key: LessSafeKey::new(key), fixed: *fixed, counter })
    }

    /// Asks for a service.
    pub(super) fn serve(&mut self, service: &str) -> Result<()> {
        self.packet(&[vec![message::SERVICE_REQUEST], string(service)].concat())?;
        let answer = self.hear()?;
        ensure!(answer.first() == Some(&message::SERVICE_ACCEPT), "{answer:?}");
        Ok(())
    }

    /// A request to be let in by a key, signed.
    pub(super) fn signed(&self, user: &str, key: &Path) -> Result<Vec<u8>> {
        let private = russh::keys::load_secret_key(key, None)?;
        let pair = private.key_data().ed25519().context("an Ed25519 key")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&pair.private.to_bytes());
        let pair = pair.ok().context("an Ed25519 key")?;
        let request = login(user, pair.public_key().as_ref(), true);
        let signature = pair.sign(&[string(&self.session), request.clone()].concat());
        let signature = [string("ssh-ed25519"), string(signature)].concat();
        Ok([request, string(signature)].concat())
    }
}

/// A request to be let in by an Ed25519 key, up to its signature when one follows.
pub(super) fn login(user: &str, public: &[u8], signed: bool) -> Vec<u8> {
    let key = [string("ssh-ed25519"), string(public)].concat();
    [
        vec![message::AUTH_REQUEST],
        string(user),
        string("ssh-connection"),
        string("publickey"),
        vec![u8::from(signed)],
        string("ssh-ed25519"),
        string(key),
    ]
    .concat()
}
