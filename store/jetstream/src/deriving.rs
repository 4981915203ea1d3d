//! Derives what subscribers read for as long as this node leads, on connections of its own: what
//! goes wrong here never touches the record.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::derived::{Derived, Deriver};
use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::shape::Wanted;
use crate::stream::Settings;
use crate::verify::verify;

/// How long is waited after a fault.
const RETRY: Duration = Duration::from_secs(2);

/// Derives while this node leads; never ends by itself.
pub(crate) async fn derive(
    settings: Settings,
    publisher: Servers,
    mut leads: watch::Receiver<bool>,
    progress: Arc<Mutex<Derived>>,
) {
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        let fault = tokio::select! {
            fault = once(&settings, &publisher, &progress) => Some(fault),
            () = no_longer(&mut leads) => None,
        };
        if let Some(fault) = &fault {
            tracing::warn!(%fault, "what subscribers read is behind");
        }
        let wait = fault.is_some();
        progress.lock().fault = fault;
        if wait {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Completes when this node does not lead.
async fn no_longer(leads: &mut watch::Receiver<bool>) {
    if leads.wait_for(|leads| !*leads).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn once(settings: &Settings, publisher: &Servers, progress: &Arc<Mutex<Derived>>) -> Fault {
    let opened = async {
        let record = Link::open(&settings.servers).await?;
        let of_record = Wanted::record(&settings.cluster, settings.replicas);
        let described = verify(&record, &of_record).await?;
        let events = Link::open(publisher).await?;
        verify(&events, &Wanted::events(&settings.cluster, settings.replicas)).await?;
        Ok((record, events, described))
    };
    let (record, events, described) = match opened.await {
        Ok(opened) => opened,
        Err(fault) => return fault,
    };
    let deriver = Deriver { cluster: settings.cluster.clone(), progress: progress.clone() };
    tokio::select! {
        fault = record.lost() => fault,
        fault = events.lost() => fault,
        fault = deriver.run(&record, &events, &described.created) => fault,
    }
}
