//! What the data directory of a member holds beside its journals: which cluster and node it is, its
//! key and certificate, and the key that the cluster's secrets are wrapped under.
//!
//! `cluster.json` is written last and whole: without it the directory belongs to no cluster, and a
//! founding or joining that was cut short is begun again.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use node_peer::certificate::{CertificateError, PrivateKey};
use node_peer::{NodeIdentity, Trust};
use proto::ids::Name;
use proto::peer::{MemberRecord, Secret};
use ring::signature::Ed25519KeyPair;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::directory::{Directory, DirectoryError};
use crate::secrets;

const CARD: &str = "cluster.json";
const NODE_KEY: &str = "node.key";
const SIGNING_KEY: &str = "signing.key";
const NODE_CERTIFICATE: &str = "node.crt";
const AUTHORITIES: &str = "authorities.json";
const CLUSTER_KEY: &str = "cluster.key";

/// Why what a directory holds cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file of it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its key or certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A version without a cluster wrote it.
    #[error(
        "{0:?} was written by a version that knew no cluster: export its events with that version, \
         and start with a new directory"
    )]
    Old(PathBuf),
}

/// Which node of which cluster a directory is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    /// The cluster.
    pub cluster: Name,
    /// The node.
    pub node: Name,
    /// Its Raft id.
    pub raft_id: u64,
    /// The members when it joined: whom it believes until it has the state.
    #[serde(default)]
    pub members: Vec<KnownMember>,
}

/// A member as `cluster.json` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownMember {
    raft_id: u64,
    node: Name,
    address: String,
    key: proto::ids::Digest,
}

impl From<MemberRecord> for KnownMember {
    fn from(record: MemberRecord) -> Self {
        let MemberRecord { raft_id, node, address, key } = record;
        Self { raft_id, node, address, key }
    }
}

impl From<KnownMember> for MemberRecord {
    fn from(known: KnownMember) -> Self {
        let KnownMember { raft_id, node, address, key } = known;
        Self { raft_id, node, address, key }
    }
}

/// The key that the cluster's secrets are wrapped under.
pub(crate) struct ClusterKey {
    /// It.
    pub secret: Secret,
    /// Its generation.
    pub generation: u32,
}

/// Whether a directory belongs to a cluster, and to which.
///
/// # Errors
/// [`HomeError`] when a version without a cluster wrote it, or it is damaged.
pub(crate) fn card(directory: &Directory) -> Result<Option<Card>, HomeError> {
    let path = directory.path(CARD);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let old = directory.path("control");
            return if old.exists() { Err(HomeError::Old(old)) } else { Ok(None) };
        }
        Err(error) => return Err(DirectoryError::io(&path)(error).into()),
    };
    let damaged = |error: serde_json::Error| damaged(&path, &error);
    Ok(Some(serde_json::from_slice(&text).map_err(damaged)?))
}

/// Says that a directory belongs to a cluster: from now on it does.
///
/// # Errors
/// [`DirectoryError`] when it cannot be written.
pub(crate) fn write_card(directory: &Directory, card: &Card) -> Result<(), DirectoryError> {
    let path = directory.path(CARD);
    let text = serde_json::to_vec_pretty(card).map_err(|error| damaged(&path, &error))?;
    secrets::replace(&path, &text).map_err(DirectoryError::io(&path))
}

/// The node's key; made when there is none. It must be on the disk before anybody is asked to let
/// it in: with the same key a lost answer can be asked for again.
///
/// # Errors
/// [`HomeError`], naming the file.
pub(crate) fn node_key(directory: &Directory) -> Result<PrivateKey, HomeError> {
    let path = directory.keys().join(NODE_KEY);
    let bytes = secrets::kept(&path, || {
        let key = node_peer::random::new_key().map_err(io::Error::other)?;
        Ok(Zeroizing::new(key.to_der().to_vec()))
    })?;
    Ok(PrivateKey::from_der(bytes)?)
}

/// The key that the node signs its record with; made when there is none.
///
/// # Errors
/// [`HomeError`], naming the file.
pub(crate) fn signing_key(directory: &Directory) -> Result<Ed25519KeyPair, HomeError> {
    let path = directory.keys().join(SIGNING_KEY);
    let seed = secrets::kept(&path, || Ok(Zeroizing::new(secrets::random()?.to_vec())))?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
    pair.map_err(|_| damaged(&path, &"it is no seed of 32 bytes").into())
}

/// Keeps the node's certificate, and the authorities that it trusts; that of its own is the first.
///
/// # Errors
/// [`DirectoryError`], naming the file.
pub(crate) fn write_certificate(
    directory: &Directory,
    certificate: &CertificateDer<'_>,
    authorities: &[CertificateDer<'static>],
) -> Result<(), DirectoryError> {
    let path = directory.keys().join(NODE_CERTIFICATE);
    secrets::replace(&path, certificate).map_err(DirectoryError::io(&path))?;
    let path = directory.keys().join(AUTHORITIES);
    let listed: Vec<&[u8]> = authorities.iter().map(AsRef::as_ref).collect();
    let text = serde_json::to_vec(&listed).map_err(|error| damaged(&path, &error))?;
    secrets::replace(&path, &text).map_err(DirectoryError::io(&path))?;
    write_authority(directory, authorities)
}

/// Writes `ca.pem`, whom clients of the API trust. It is no secret.
fn write_authority(
    directory: &Directory,
    authorities: &[CertificateDer<'static>],
) -> Result<(), DirectoryError> {
    let path = authority_path(directory);
    let pem: String = authorities.iter().map(|authority| pem(authority)).collect();
    secrets::replace(&path, pem.as_bytes()).map_err(DirectoryError::io(&path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(DirectoryError::io(&path))
}

/// A certificate in PEM (RFC 7468).
fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64.encode(certificate);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        lines.push_str(std::str::from_utf8(line).unwrap_or_default());
        lines.push('\n');
    }
    lines.push_str("-----END CERTIFICATE-----\n");
    lines
}

/// Where the authority's certificate is.
#[must_use]
pub(crate) fn authority_path(directory: &Directory) -> PathBuf {
    directory.path("ca.pem")
}

/// What the node shows to its peers, and whom it trusts.
///
/// # Errors
/// [`HomeError`], naming the file.
pub(crate) fn identity(
    directory: &Directory,
    key: &PrivateKey,
) -> Result<(NodeIdentity, Trust), HomeError> {
    let path = directory.keys().join(NODE_CERTIFICATE);
    let certificate = fs::read(&path).map_err(DirectoryError::io(&path))?;
    let path = directory.keys().join(AUTHORITIES);
    let text = fs::read(&path).map_err(DirectoryError::io(&path))?;
    let listed: Vec<Vec<u8>> =
        serde_json::from_slice(&text).map_err(|error| damaged(&path, &error))?;
    let authorities: Vec<_> = listed.into_iter().map(CertificateDer::from).collect();
    let first = authorities.first().cloned();
    let first = first.ok_or_else(|| damaged(&path, &"it names no authority"))?;
    let identity = NodeIdentity::new(key, CertificateDer::from(certificate), first)?;
    Ok((identity, Trust::new(authorities)?))
}

/// Keeps the key that the cluster's secrets are wrapped under.
///
/// # Errors
/// [`DirectoryError`], naming the file.
pub(crate) fn write_cluster_key(
    directory: &Directory,
    key: &ClusterKey,
) -> Result<(), DirectoryError> {
    let path = directory.keys().join(CLUSTER_KEY);
    let mut bytes = Zeroizing::new(Vec::with_capacity(36));
    bytes.extend_from_slice(&key.generation.to_be_bytes());
    bytes.extend_from_slice(key.secret.reveal());
    secrets::replace(&path, &bytes).map_err(DirectoryError::io(&path))
}

/// The key that the cluster's secrets are wrapped under.
///
/// # Errors
/// [`DirectoryError`], naming the file.
pub(crate) fn cluster_key(directory: &Directory) -> Result<ClusterKey, DirectoryError> {
    let path = directory.keys().join(CLUSTER_KEY);
    let bytes = secrets::read(&path)?.ok_or_else(|| damaged(&path, &"it is missing"))?;
    let (generation, secret) =
        bytes.split_first_chunk::<4>().ok_or_else(|| damaged(&path, &"it is too short"))?;
    let secret = <[u8; 32]>::try_from(secret).map_err(|_| damaged(&path, &"not 36 bytes"))?;
    Ok(ClusterKey { secret: Secret::new(secret), generation: u32::from_be_bytes(*generation) })
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> DirectoryError {
    DirectoryError::Damaged { path: path.to_path_buf(), what: what.to_string() }
}
