//! A signal that comes late. PostgreSQL sends two for each cancel request, and between them the
//! statement may end and the next one begin: so nothing may be sent before the database closes the
//! request's connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use chaos_tests::live::wire::{bytes, query};
use chaos_tests::live::{SHORT, until};

/// How long the answer to a cancel request is held, unless something comes meanwhile.
const HELD: Duration = Duration::from_secs(1);
const CANCEL: [u8; 4] = 80_877_102_u32.to_be_bytes();
const SLEEPS: &str = "select pg_sleep(600)";

/// What passed, in order, of the connection on which somebody sleeps.
#[derive(Default)]
struct Seen {
    steps: Mutex<Vec<&'static str>>,
    changed: Condvar,
}

impl Seen {
    /// A statement may come in several pieces.
    fn add(&self, step: &'static str) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.last() != Some(&step) {
            steps.push(step);
        }
        self.changed.notify_all();
    }

    fn steps(&self) -> Vec<&'static str> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until something comes behind `last`, or for as long as an answer is held.
    fn hold(&self, last: &str) {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |steps: &mut Vec<&'static str>| steps.last() == Some(&last);
        drop(self.changed.wait_timeout_while(steps, HELD, same));
    }
}

/// A way to a database that injects the fault: the end of a cancel request's connection comes late.
fn delaying(database: String, seen: Arc<Seen>) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let (database, seen) = (database.clone(), seen.clone());
            thread::spawn(move || pass(near, &database, &seen));
        }
    });
    Ok(port)
}

fn pass(mut near: TcpStream, database: &str, seen: &Seen) -> std::io::Result<()> {
    let mut far = TcpStream::connect(database)?;
    let mut first = [0; 8];
    near.read_exact(&mut first)?;
    far.write_all(&first)?;
    if first[4..] == CANCEL {
        let mut key = [0; 8];
        near.read_exact(&mut key)?;
        far.write_all(&key)?;
        far.read_to_end(&mut Vec::new())?;
        seen.add("cancelled");
        seen.hold("cancelled");
        seen.add("told");
        return Ok(());
    }
    let (mut back, mut to_near) = (far.try_clone()?, near.try_clone()?);
    thread::spawn(move || std::io::copy(&mut back, &mut to_near));
    let (mut buffer, mut sleeps) = (vec![0; 64 * 1024], false);
    loop {
        let length = near.read(&mut buffer)?;
        if length == 0 {
            return far.shutdown(std::net::Shutdown::Write);
        }
        if sleeps {
            seen.add("statement");
        }
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        sleeps |= text.contains(SLEEPS);
        far.write_all(&buffer[..length])?;
    }
}

#[test]
fn a_late_signal_ends_no_other_statement() -> Result<()> {
    let scene = super::scene()?;
    let seen = Arc::new(Seen::default());
    let port = delaying(scene.postgres.address(), seen.clone())?;
    let path = scene.path("targets.yaml");
    let there = format!("127.0.0.1:{}", scene.postgres.port);
    let document = std::fs::read_to_string(&path)?;
    std::fs::write(&path, document.replace(&there, &format!("127.0.0.1:{port}")))?;
    let set = scene.node.administer(&["target", "apply", "--file", &path.to_string_lossy()])?;
    ensure!(set.status.success(), "{}", set.said());
    let mut wire = scene.wire()?;
    wire.send(&bytes(&[query(SLEEPS)]))?;
    until("it runs", SHORT, || {
        let running = format!(
            "select 1 from pg_stat_activity where usename = 'app' and state = 'active' \
             and query = '{SLEEPS}'"
        );
        Ok((scene.postgres.sql("postgres", "postgres", &running)? == "1").then_some(()))
    })?;
    let (process, secret) = wire.key.clone();
    super::hostile::cancel(&scene, process, &secret)?;
    assert_eq!(wire.heard(b'Z')?, "T E(57014) ZI");
    assert_eq!(wire.ask(&[query("select 7")])?, "T D[7] C(SELECT-1) ZI");
    assert_eq!(seen.steps(), ["cancelled", "told", "statement"]);
    Ok(())
}
