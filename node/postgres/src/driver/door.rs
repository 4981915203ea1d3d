//! A client whose statement is held: what it is told meanwhile, and how it leaves.

use std::future::poll_fn;
use std::task::Poll;

use node_session::{Boxed, Waiting};
use proto::entry::Withdrawn;
use proto::refusal::Told;

use super::cancel::Ring;
use super::leg::Leg;
use crate::codec::write::{self, Severity};

/// The client, as its session tells it things and watches it leave. What it sends meanwhile stays
/// where it is, up to the bound of one reading.
pub(super) struct AtTheDoor<'a> {
    pub(super) client: &'a mut Leg,
    pub(super) ring: &'a Ring,
}

impl Waiting for AtTheDoor<'_> {
    fn tell(&mut self, told: Told) {
        let mut out = Vec::new();
        write::told(&mut out, Severity::Notice, &told);
        self.client.put_slice(&out);
    }

    /// It closes its connection, or cancels a statement that does not run yet.
    fn leaves(&mut self) -> Boxed<'_, Withdrawn> {
        Box::pin(async {
            let client = &mut *self.client;
            let gone = poll_fn(|context| {
                if let Poll::Ready(Err(_)) = client.poll_flush(context) {
                    return Poll::Ready(());
                }
                loop {
                    match client.poll_fill(context) {
                        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                        Poll::Ready(Ok(_)) => {}
                        Poll::Pending => return Poll::Pending,
                    }
                }
            });
            tokio::select! {
                () = gone => {}
                () = self.ring.heard() => {}
            }
            Withdrawn::ClientLeft
        })
    }
}
