//! A client's side of a channel's input: it is emptied at once, whatever the target does.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use node_session::Tether;
use node_session::seal::Meter;
use parking_lot::Mutex;
use proto::refusal::{Code, Told};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, Sig, client};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::spool::{Inlet, Outlet, ends};
use crate::spool::{Spool, SpoolError};
use crate::terminal::Window;

/// How many signals may wait for the target; more are dropped.
const SIGNALS: usize = 16;

/// What a client sends, as a channel's task sees it.
pub(super) struct Input {
    outlet: Option<Outlet>,
    pub(super) signals: mpsc::Receiver<Sig>,
    /// The size of the client's window; the last one counts.
    pub(super) windows: watch::Receiver<Option<Window>>,
    /// Why the input cannot be kept; at most one.
    pub(super) faults: mpsc::Receiver<Told>,
    _drain: EndOnDrop,
}

impl Input {
    /// The bytes themselves, for whoever passes them on; once.
    pub(super) fn take_outlet(&mut self) -> Option<Outlet> {
        self.outlet.take()
    }
}

/// Waits until the client's window has another size.
pub(super) async fn resized(windows: &mut watch::Receiver<Option<Window>>) -> Window {
    loop {
        if windows.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(window) = *windows.borrow_and_update() {
            return window;
        }
    }
}

/// A task that ends with its owner.
pub(super) struct EndOnDrop(JoinHandle<()>);

impl EndOnDrop {
    pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Ends the task, and waits until it does nothing more.
    pub(super) async fn end(mut self) {
        self.0.abort();
        if let Err(error) = (&mut self.0).await
            && error.is_panic()
        {
            tracing::error!(%error, "a channel's task broke");
        }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Splits a client's channel, and begins to empty it. The counter says how many bytes wait; it is
/// shared for as long as the input lives.
pub(super) fn split(
    channel: Channel<Msg>,
    handle: Handle,
    spool: Spool,
) -> (Client, Input, Arc<AtomicU64>) {
    let (read, write) = channel.split();
    let (input, gone, waiting) = emptied(read, spool);
    (Client { write, handle, gone, in_terminal: false }, input, waiting)
}

/// Begins to empty a channel. The token says that it is closed.
pub(super) fn emptied(
    read: ChannelReadHalf,
    spool: Spool,
) -> (Input, CancellationToken, Arc<AtomicU64>) {
    let (inlet, outlet, waiting) = ends(spool);
    let (signal, signals) = mpsc::channel(SIGNALS);
    let (window, windows) = watch::channel(None);
    let (fault, faults) = mpsc::channel(1);
    let gone = CancellationToken::new();
    let aside = Aside { signal, window, fault };
    let drain = EndOnDrop::spawn(drain(read, inlet, aside, gone.clone()));
    let input = Input { outlet: Some(outlet), signals, windows, faults, _drain: drain };
    (input, gone, waiting)
}

/// Where what is no input goes.
struct Aside {
    signal: mpsc::Sender<Sig>,
    window: watch::Sender<Option<Window>>,
    fault: mpsc::Sender<Told>,
}

async fn drain(mut read: ChannelReadHalf, inlet: Inlet, aside: Aside, gone: CancellationToken) {
    let mut lost = false;
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } if !lost => {
                if let Err(error) = inlet.push(data).await {
                    // From here on bytes are missing, so the target gets none that come later.
                    lost = true;
                    tell(&aside.fault, &error);
                }
            }
            ChannelMsg::Eof => inlet.finish(),
            ChannelMsg::Signal { signal } => {
                let kept = aside.signal.try_send(signal).is_ok();
                tracing::debug!(kept, "a signal for the target");
            }
            ChannelMsg::WindowChange { col_width, row_height, .. } => {
                aside.window.send_replace(Some(Window::new(col_width, row_height)));
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    // Only here: this task is ended early when its channel's command is over, and then the client
    // is still there to be told.
    gone.cancel();
}

pub(super) fn tell(faults: &mpsc::Sender<Told>, error: &SpoolError) {
    if faults.try_send(told_of(error)).is_err() {
        tracing::debug!("nobody asks for the fault of an input");
    }
}

/// What a client is told of input that cannot be kept.
pub(super) fn told_of(error: &SpoolError) -> Told {
    tracing::warn!(%error, "input cannot be kept");
    let text = match error {
        SpoolError::Channel(limit) => {
            format!(
                "More than {} MiB of input wait for the target, which is too slow.",
                limit >> 20
            )
        }
        SpoolError::Node => "Too much input waits for slow targets on this node.".to_owned(),
        SpoolError::File(_) | SpoolError::Changed => {
            "Input that waits for the target could not be kept on this node.".to_owned()
        }
    };
    Told::new(Code::InputBehind, text)
}

/// Passes input on to the target, and its end; while there is no contact with the majority, it
/// waits. `meter` counts what the target was given; of the piece during which this is ended, it
/// counts nothing.
pub(super) async fn pump(
    outlet: Outlet,
    target: Arc<russh::ChannelWriteHalf<client::Msg>>,
    meter: Arc<Mutex<Meter>>,
    faults: mpsc::Sender<Told>,
    tether: Tether,
) {
    loop {
        match outlet.next().await {
            Ok(Some(bytes)) => {
                if tether.while_fresh(target.data_bytes(bytes.clone())).await.is_err() {
                    return;
                }
                meter.lock().pass(&bytes);
            }
            Ok(None) => {
                if tether.while_fresh(target.eof()).await.is_err() {
                    tracing::debug!("the target was gone at the end of the input");
                }
                return;
            }
            Err(error) => return tell(&faults, &error),
        }
    }
}
