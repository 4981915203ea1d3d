//! Publishing with nothing of Sallyport: plain messages without headers, each acknowledged, so many
//! on their way at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::ConnectOptions;
use bytes::Bytes;
use futures_util::StreamExt as _;
use store_jetstream::Servers;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long all acknowledgements may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Publishes messages to a subject, and says how long that took until the last was acknowledged.
pub(crate) async fn publish(
    servers: &Servers,
    subject: &str,
    messages: &[Bytes],
    in_flight: usize,
) -> Result<Duration> {
    let client = ConnectOptions::new().connect(servers.urls.as_slice()).await?;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    client.flush().await?;
    let room = Arc::new(Semaphore::new(in_flight));
    let (count, freed) = (messages.len(), room.clone());
    let acknowledged = tokio::spawn(async move {
        for _ in 0..count {
            let answer = answers.next().await.context("the connection was closed")?;
            ensure!(
                answer.payload.starts_with(b"{\"stream\":"),
                "{}",
                String::from_utf8_lossy(&answer.payload)
            );
            freed.add_permits(1);
        }
        Ok(())
    });
    let begun = Instant::now();
    for message in messages {
        room.acquire().await?.forget();
        let (subject, inbox) = (subject.to_owned(), inbox.clone());
        client.publish_with_reply(subject, inbox, message.clone()).await?;
    }
    client.flush().await?;
    tokio::time::timeout(DEADLINE, acknowledged).await???;
    Ok(begun.elapsed())
}
