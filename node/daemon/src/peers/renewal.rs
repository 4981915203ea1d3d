//! The node's certificate is renewed at half of its life, by any other node: nobody has to remember
//! it, and a node that was cut off for days is still let in.

use std::sync::Arc;
use std::time::Duration;

use node_peer::certificate::PrivateKey;
use node_peer::{Local, Members as _, NodeIdentity, Pool, Trust};
use node_session::Clock as _;
use node_session::clock::SystemClock;
use proto::peer::raft::Member;
use proto::peer::{MemberRecord, Renew};
use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use super::ASK_DEADLINE;
use crate::directory::Directory;
use crate::home;
use crate::roster::Roster;

/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// Looks after the certificate until the node stops.
pub(crate) async fn keep_certified(
    directory: Arc<Directory>,
    local: Arc<Local>,
    pool: Arc<Pool>,
    roster: Arc<Roster>,
    key: PrivateKey,
    stop: CancellationToken,
) {
    loop {
        if local.identity().should_be_renewed(SystemClock.now().utc) {
            for peer in roster.all() {
                if peer.node == local.name().node {
                    continue;
                }
                match renew(&directory, &local, &pool, &key, peer).await {
                    Ok(()) => break,
                    Err(error) => tracing::warn!(error, "the certificate is not renewed yet"),
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn renew(
    directory: &Directory,
    local: &Local,
    pool: &Pool,
    key: &PrivateKey,
    peer: MemberRecord,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let request = key.request().map_err(|error| text(&error))?;
    let peer = Member { raft_id: peer.raft_id, node: peer.node, address: peer.address };
    let renewed = pool.renew(&peer, Renew { request }, ASK_DEADLINE).await;
    let renewed = renewed.map_err(|error| text(&error))?;
    let certificate = CertificateDer::from(renewed.certificate);
    let authorities: Vec<_> = renewed.authorities.into_iter().map(CertificateDer::from).collect();
    let first = authorities.first().cloned().ok_or("no authority came with it")?;
    let identity = NodeIdentity::new(key, certificate.clone(), first);
    let identity = identity.map_err(|error| text(&error))?;
    let trust = Trust::new(authorities.clone()).map_err(|error| text(&error))?;
    home::write_certificate(directory, &certificate, &authorities).map_err(|error| text(&error))?;
    local.show(identity).map_err(|error| text(&error))?;
    local.trust_instead(trust);
    tracing::info!("the node's certificate was renewed");
    Ok(())
}
