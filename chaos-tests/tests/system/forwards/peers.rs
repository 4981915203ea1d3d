//! What is at the other end of a forward: peers that listen and answer, each on a thread that ends
//! with its connection.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use anyhow::Result;
use ring::digest::{SHA256, digest};

/// How a peer answers.
#[derive(Clone, Copy)]
pub(super) enum Answers {
    /// With all that it got, once the other side is done.
    Back,
    /// With a page of HTTP, once a request is whole.
    Page,
    /// With bytes without an end.
    Endlessly,
    /// With a word, once it got as much as a display's greeting has.
    Greeting,
    /// It reads nothing and says nothing.
    Never,
}

/// Listens on loopback; gives the port.
pub(super) fn listen(answers: Answers) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    answer_at(listener, answers);
    Ok(port)
}

/// Answers whoever comes.
pub(super) fn answer_at(listener: TcpListener, answers: Answers) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, answers));
        }
    });
}

/// Listens at a path.
pub(super) fn listen_at(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).ok();
                stream.write_all(&all).ok();
            });
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, answers: Answers) {
    let mut all = Vec::new();
    match answers {
        Answers::Back => {
            stream.read_to_end(&mut all).ok();
            stream.write_all(&all).ok();
        }
        Answers::Page => {
            let mut byte = [0];
            while !all.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                all.extend_from_slice(&byte);
            }
            let page = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";
            stream.write_all(page).ok();
        }
        Answers::Greeting => {
            if stream.read_exact(&mut [0; 48]).is_ok() {
                stream.write_all(b"welcome").ok();
            }
        }
        Answers::Endlessly => {
            let chunk = [b'x'; 64 * 1024];
            while stream.write_all(&chunk).is_ok() {}
        }
        Answers::Never => thread::park(),
    }
}

/// Says something over a connection, says that this was all, and gives what comes back.
pub(super) fn say(mut stream: TcpStream, text: &[u8]) -> Result<Vec<u8>> {
    stream.write_all(text)?;
    stream.shutdown(Shutdown::Write)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    Ok(all)
}

/// The same at a path.
pub(super) fn say_at(path: &Path, text: &[u8]) -> Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(text)?;
    stream.shutdown(Shutdown::Write)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    Ok(all)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
