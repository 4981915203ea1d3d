//! A client's key agent (`auth-agent-req@openssh.com`) or display (`x11-req`, RFC 4254, 6.3), lent
//! to a target for as long as the channel lasts on which that was asked for.
//!
//! Each is a session of its own, of the channel `agent` or `x11`: what policy grants is the
//! lending, and each connection to what is lent is recorded. The target is told of it on the
//! channel's own connection, and only once the record has it.

use std::sync::Arc;

use node_enforce::forward::Seen;
use node_gate::{Ending, Passage};
use node_session::{Over as SessionOver, Patient};
use proto::reading::Channel;
use proto::refusal::{Code, Told};
use tokio::sync::{mpsc, oneshot};

use super::super::client::Caller;
use super::super::exec;
use super::super::node::Node;
use super::super::paces::Paces;
use super::super::pinned::Listens;
use super::place::{Place, Toward, WAITING};
use super::{Forwards, LOOK, Shared, keep};

/// What is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Lent {
    Agent,
    Display,
}

impl Lent {
    fn channel(self) -> Channel {
        match self {
            Self::Agent => Channel::Agent,
            Self::Display => Channel::X11,
        }
    }

    /// The request by which a client asks for it.
    fn request(self) -> &'static str {
        match self {
            Self::Agent => "auth-agent-req",
            Self::Display => "x11-req",
        }
    }

    fn seen(self) -> Seen {
        match self {
            Self::Agent => Seen::Agent,
            Self::Display => Seen::Display,
        }
    }

    fn toward(self) -> Toward {
        match self {
            Self::Agent => Toward::Agent,
            Self::Display => Toward::Display,
        }
    }
}

/// Lends something, if that is granted. `answer` takes where connections to it go: it is lent until
/// all copies of that are gone. It is dropped when it is not lent; why not is in the record.
pub(in super::super) async fn lend(
    node: Arc<Node>,
    caller: Arc<Caller>,
    shared: Shared,
    lent: Lent,
    answer: oneshot::Sender<Listens>,
) {
    if node.drain.is_cancelled() {
        return;
    }
    let opened = exec::open(&node, &caller, lent.channel(), lent.request()).await;
    let Ok(session) = opened else { return };
    let mut forwards = Forwards::new(node.clone(), session, Arc::new(shared));
    let judged = forwards.session.judge(lent.seen().encode(), &mut Patient).await;
    let permit = match judged {
        Ok(permit) => permit,
        Err(told) => return forwards.session.close(&told.code.to_string()).await,
    };
    let now = node.sessions.ports().clock.now().elapsed;
    let ending = match permit.redeem_forward(now) {
        Ok((_, passage)) => forwards.lend(lent, passage, answer).await.unwrap_or_else(|end| end),
        Err(_) => Ending::Refused(Told::plain(Code::PermitExpired)),
    };
    forwards.close(ending).await;
}

impl Forwards {
    async fn lend(
        &mut self,
        lent: Lent,
        passage: Passage,
        answer: oneshot::Sender<Listens>,
    ) -> Result<Ending, Ending> {
        self.session.started().await.map_err(Ending::Refused)?;
        let (back, mut backs) = mpsc::channel(WAITING);
        let far = Arc::new(Paces::default());
        let place = Place {
            way: self.way.clone(),
            shared: self.shared.clone(),
            command: self.session.last_command(),
            toward: lent.toward(),
            passage: Arc::new(passage),
            far: far.clone(),
            overs: self.over.clone(),
        };
        if answer.send(Listens { back, paces: far }).is_err() {
            return Ok(Ending::ClientLeft);
        }
        // That the target's connection is gone is how it ends. A task of its own, so that what is
        // carried is recorded whatever ends the session.
        let serving =
            tokio::spawn(
                async move { Arc::new(place).serve(&mut backs, std::future::pending()).await },
            );
        tokio::pin!(serving);
        loop {
            let overs = &mut self.overs;
            let next = async {
                tokio::select! {
                    biased;
                    Some(over) = overs.recv() => Ok(Some(over)),
                    end = &mut serving => Err(end),
                    () = tokio::time::sleep(LOOK) => Ok(None),
                }
            };
            let next = self.session.meanwhile(next).await;
            match next.map_err(|SessionOver(told)| Ending::Refused(told))? {
                Ok(Some(over)) => {
                    self.sent += over.sent();
                    keep(&mut self.session, over).await.map_err(Ending::Refused)?;
                }
                // It is idle when its command is, which has a session and a limit of its own.
                Ok(None) => self.session.input_passed(),
                Err(_) => return Ok(Ending::Exited(0)),
            }
        }
    }
}
