//! A stranger asks to join: what it says is looked at, and the node decides.

use std::sync::Arc;

use proto::entry::NodeAddresses;
use proto::ids::Digest;
use proto::peer::{Join, Message};
use proto::refusal::{Code, Told};
use tokio::io::AsyncWriteExt as _;

use super::Server;
use super::greet::{Stranger, farewell, fit, linger};
use super::handler::Joiner;
use crate::certificate::{CertificateRequest, sha256};
use crate::limits::deadline_of;
use crate::wire::Frame;

/// The longest address, in bytes: a host name has at most 253.
const ADDRESS_LIMIT: usize = 260;

/// The longest version of a program, in bytes.
const PROGRAM_LIMIT: usize = 64;

const JOIN: u8 = 32;

/// Answers one join, and closes.
pub(super) async fn serve(server: &Arc<Server>, stranger: Stranger) {
    let Stranger { call, join, mut stream } = stranger;
    let answered = answer(server, &join).await;
    let said = match answered {
        Ok(joined) => {
            let frame = Frame::new(call, &Message::Joined(joined));
            frame.map_err(|error| Told::new(Code::Internal, error.to_string()))
        }
        Err(told) => Err(told),
    };
    let writing = async {
        match &said {
            Ok(frame) => {
                if frame.write(&mut stream).await.is_ok() && stream.shutdown().await.is_ok() {
                    linger(&mut stream).await;
                }
            }
            Err(told) => {
                tracing::info!(node = %join.node.escape_debug(), %told, "a join is refused");
                farewell(&mut stream, told).await;
            }
        }
    };
    if tokio::time::timeout(server.limits.write, writing).await.is_err() {
        tracing::debug!("the answer to a join was not taken in time");
    }
}

async fn answer(server: &Arc<Server>, join: &Join) -> Result<proto::peer::Joined, Told> {
    let joiner = look_at(server, join)?;
    // Each costs a write to the replicated log: few at once, and no queue of strangers.
    let _one = server.joins.try_acquire().map_err(|_| {
        Told::new(Code::TooManyRequests, "other nodes are joining; try again in a moment")
    })?;
    let deadline = deadline_of(JOIN).min(server.limits.longest_call);
    let joining = tokio::time::timeout(deadline, server.handler.join(joiner));
    joining.await.unwrap_or_else(|_| {
        let text = "whether the node has joined is not known; try again with the same key";
        Err(Told::new(Code::OutcomeUnknown, text))
    })
}

fn look_at(server: &Server, join: &Join) -> Result<Joiner, Told> {
    let ours = &server.local.name().cluster;
    if join.cluster != ours.as_str() {
        let text = format!("the join file is for another cluster than {ours}");
        return Err(Told::new(Code::WrongCluster, text));
    }
    fit(server, &join.versions, &join.program)?;
    let bad = |what: String| Told::new(Code::BadRequest, what);
    if join.program.len() > PROGRAM_LIMIT {
        return Err(bad("the program's version is too long".to_owned()));
    }
    let node = join.node.parse().map_err(|error| bad(format!("{error}")))?;
    let cluster = address(&join.cluster_address).ok_or_else(|| bad(not_an_address()))?;
    let api = address(&join.api_address).ok_or_else(|| bad(not_an_address()))?;
    let request =
        CertificateRequest::from_der(&join.request).map_err(|error| bad(error.to_string()))?;
    Ok(Joiner {
        token: token(join),
        node,
        addresses: NodeAddresses { cluster, api },
        request,
        versions: join.versions.clone(),
        program: join.program.clone(),
    })
}

fn token(join: &Join) -> Digest {
    sha256(join.secret.reveal())
}

fn not_an_address() -> String {
    "an address of the node is not host:port".to_owned()
}

/// An address as `host:port`, of letters that are safe to print.
fn address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let is_fit = !host.is_empty() && text.len() <= ADDRESS_LIMIT && host.bytes().all(fit);
    let port: u16 = port.parse().ok()?;
    (is_fit && port > 0).then(|| text.to_owned())
}
