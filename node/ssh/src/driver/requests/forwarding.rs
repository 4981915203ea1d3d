//! What a client's connection asks for besides sessions: connections that the target is to open,
//! and places where it is to listen.

use std::sync::atomic::Ordering;

use node_enforce::forward::Address;
use proto::refusal::{Code, Told};
use russh::server::{ChannelOpenHandle, Handle, Msg};
use russh::{Channel, ChannelId};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::forwards::{self, Ask, Connect, Listen, Shared, refuse};
use super::super::input;
use super::super::pinned::Listens;
use super::super::target::Lent;
use super::{ClientHandler, Open};
use crate::channel::Asking;
use crate::config::{LISTEN_DEADLINE, LISTENS, REFUSALS_RECORDED};

/// How many bytes of what a client says of where a connection comes from are recorded.
pub(super) const FROM_BYTES: usize = 64;
/// How many forwards may wait to be judged.
const ASKS: usize = 64;

/// What a client asks for.
pub(super) struct Asked {
    pub(super) kind: &'static str,
    /// Where; nothing when that is no address.
    pub(super) address: Option<Address>,
    /// Where it comes from, as the client says.
    pub(super) from: Option<String>,
}

impl ClientHandler {
    /// A channel that is to lead somewhere: opened, or refused, once it is judged.
    pub(super) async fn connect(
        &mut self,
        asked: Asked,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        handle: Handle,
    ) {
        let place = match self.place(&asked) {
            Ok(address) => match self.places.clone().try_acquire_owned() {
                Ok(place) => Ok((address, place)),
                Err(_) => Err(Told::plain(Code::TooManySessions)),
            },
            Err(told) => Err(told),
        };
        let (address, place) = match place {
            Ok(place) => place,
            Err(told) => return refuse(reply, &told).await,
        };
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.sweep();
        let (client, input, waiting) = input::split(channel, handle.clone(), self.node.spool());
        let (asking, lent) = (Asking::nothing(), Lent::default());
        let open = Open { asking, start: None, lent, waiting: waiting.clone() };
        self.channels.insert(client.id(), open);
        let held = (place, waiting);
        let connect = Connect { address, from: asked.from, client, input, reply, held };
        self.ask_forwards(Ask::Connect(Box::new(connect)), handle).await;
    }

    /// A place where the target is to listen. Gives the port there, 0 where there is none.
    ///
    /// The client's connection waits meanwhile: SSH has its answers in the order of the questions.
    pub(super) async fn listen(
        &mut self,
        asked: Asked,
        called: &str,
        handle: Handle,
    ) -> Option<u16> {
        let address = self.place(&asked).ok()?;
        self.listens.retain(|_, over| !over.is_cancelled());
        if self.listens.len() >= LISTENS {
            let told = Told::plain(Code::TooManySessions);
            self.refused(asked.kind, told, "the connection has its share of places to listen at");
            return None;
        }
        // It is judged and recorded, as a channel is, and has a part in what a connection may open.
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let (called, over) = (called.to_owned(), CancellationToken::new());
        let listen = Listen { address, called: called.clone(), answer, over: over.clone() };
        self.ask_forwards(Ask::Listen(listen), handle).await;
        match timeout(LISTEN_DEADLINE, answered).await {
            Ok(Ok(Ok(port))) => {
                self.listens.insert((called, port), over);
                Some(port)
            }
            // Why not is in the record; the protocol has no room for it.
            Ok(_) => None,
            Err(_) => {
                over.cancel();
                None
            }
        }
    }

    /// Whether the target did listen there; it does no more.
    pub(super) fn listen_no_more(&mut self, called: &str, port: u16) -> bool {
        let over = self.listens.remove(&(called.to_owned(), port));
        over.is_some_and(|over| {
            let did = !over.is_cancelled();
            over.cancel();
            did
        })
    }

    /// Whether something may be lent to what begins on a channel.
    pub(super) fn may_lend(&self, id: ChannelId, is_new: impl Fn(&Lent) -> bool) -> bool {
        self.channels.get(&id).is_some_and(|open| open.asking.is_open() && is_new(&open.lent))
    }

    /// Has the lending of something judged. Gives where connections to it go, if it is lent.
    pub(super) async fn lend(&mut self, lent: forwards::Lent, handle: Handle) -> Option<Listens> {
        // What is not lent is recorded, and a connection may fill its part of the record with that.
        if self.refusals >= REFUSALS_RECORDED {
            return None;
        }
        let caller = self.caller.clone()?;
        let (answer, answered) = oneshot::channel();
        let (node, shared) = (self.node.clone(), self.shared(handle));
        self.tasks.spawn(forwards::lend(node, caller, shared, lent, answer));
        let listens = timeout(LISTEN_DEADLINE, answered).await.ok().and_then(Result::ok);
        self.refusals += u32::from(listens.is_none());
        listens
    }

    fn shared(&self, handle: Handle) -> Shared {
        Shared {
            handle,
            places: self.places.clone(),
            paces: self.paces.clone(),
            opened: self.opened.clone(),
        }
    }

    /// Where it is, if the connection may ask for anything more.
    fn place(&mut self, asked: &Asked) -> Result<Address, Told> {
        if let Some((code, reason)) = self.no_channel() {
            self.refused(asked.kind, Told::plain(code), reason);
            return Err(Told::plain(code));
        }
        asked.address.clone().ok_or_else(|| {
            let text = "That is no address, or no path of a socket, in a form that is judged here.";
            let told = Told::new(Code::ChannelRefused, text);
            self.refused(asked.kind, told.clone(), "no host and port, and no path of a socket");
            told
        })
    }

    /// Has it judged by the task of the connection's forwards, which begins with the first one.
    async fn ask_forwards(&mut self, ask: Ask, handle: Handle) {
        let Some(caller) = self.caller.clone() else { return };
        let known = self.forwards.as_ref().filter(|asks| !asks.is_closed()).cloned();
        let asks = known.unwrap_or_else(|| {
            let (asks, queue) = mpsc::channel(ASKS);
            let shared = self.shared(handle);
            self.tasks.spawn(forwards::run(self.node.clone(), caller, shared, queue));
            asks
        });
        let asked = asks.try_send(ask);
        self.forwards = Some(asks);
        let (ask, code) = match asked {
            Ok(()) => return,
            Err(TrySendError::Full(ask)) => (ask, Code::TooManySessions),
            Err(TrySendError::Closed(ask)) => (ask, Code::Draining),
        };
        ask.refuse(Told::plain(code)).await;
    }
}
