//! A wire that a test can cut, or stop carrying anything without a word.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) struct Relay {
    pub address: String,
    cut: CancellationToken,
    stalled: watch::Sender<bool>,
    wires: TaskTracker,
}

impl Relay {
    pub(super) async fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let (cut, stalled, wires) =
            (CancellationToken::new(), watch::channel(false).0, TaskTracker::new());
        let carrying =
            accept(listener, address.to_owned(), cut.clone(), stalled.subscribe(), wires.clone());
        tokio::spawn(carrying);
        Self { address: own, cut, stalled, wires }
    }

    /// Cuts all connections, and takes no more.
    pub(super) async fn cut(&self) {
        self.cut.cancel();
        self.wires.close();
        self.wires.wait().await;
    }

    /// Carries nothing any more; the connections stay open.
    pub(super) fn stall(&self) {
        self.stalled.send_replace(true);
    }
}

async fn accept(
    listener: TcpListener,
    address: String,
    cut: CancellationToken,
    stalled: watch::Receiver<bool>,
    wires: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = cut.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((near, _)) = accepted else { return };
        let wire = carry(near, address.clone(), cut.clone(), stalled.clone());
        wires.spawn(wire);
    }
}

async fn carry(
    mut near: TcpStream,
    address: String,
    cut: CancellationToken,
    mut stalled: watch::Receiver<bool>,
) {
    let Ok(mut far) = TcpStream::connect(&address).await else { return };
    let is_stalled = tokio::select! {
        () = cut.cancelled() => false,
        _ = copy_bidirectional(&mut near, &mut far) => false,
        _ = stalled.wait_for(|stalled| *stalled) => true,
    };
    if is_stalled {
        // Both ends stay open, and hear nothing.
        cut.cancelled().await;
    }
}
