//! A client of etcd's puts: gRPC over HTTP/2 with the two messages that are needed, so that the
//! client costs little beside the server that it measures.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request, header};
use tokio::net::TcpStream;

/// One connection; clones share it.
#[derive(Clone)]
pub(crate) struct Kv {
    sender: SendRequest<Bytes>,
    put: http::Uri,
}

impl Kv {
    /// Connects to one member.
    pub(crate) async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::handshake(stream).await?;
        // It ends with the server, or when the last client of it is gone.
        tokio::spawn(async move { drop(connection.await) });
        let put = format!("http://127.0.0.1:{port}/etcdserverpb.KV/Put").parse()?;
        Ok(Self { sender, put })
    }

    /// Puts a value, and waits until it is durable on a majority.
    pub(crate) async fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let request = Request::post(self.put.clone())
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(())?;
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut body) = sender.send_request(request, false)?;
        body.send_data(put_request(key, value), true)?;
        let answer = answer.await?;
        ensure!(answer.status() == 200, "etcd answered {}", answer.status());
        if answer.headers().contains_key("grpc-status") {
            return succeeded(answer.headers());
        }
        let mut body = answer.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        let trailers = body.trailers().await?.context("etcd says how a call went")?;
        succeeded(&trailers)
    }
}

fn succeeded(said: &HeaderMap) -> Result<()> {
    let text = |name| said.get(name).and_then(|value| value.to_str().ok()).unwrap_or("?");
    if text("grpc-status") != "0" {
        bail!("etcd refused: {} {}", text("grpc-status"), text("grpc-message"));
    }
    Ok(())
}

/// A frame of gRPC (not compressed, its length) around `PutRequest { key = 1, value = 2 }`.
fn put_request(key: &[u8], value: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(key.len() + value.len() + 16);
    for (tag, field) in [(0x0a, key), (0x12, value)] {
        message.put_u8(tag);
        let mut length = field.len();
        while length >= 0x80 {
            message.put_u8(0x80 | (length & 0x7f) as u8);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(field);
    }
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(&message);
    frame.freeze()
}
