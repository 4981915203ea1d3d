//! Who may do what: every action is tried with every credential at a real server, and the picture
//! is a reviewed file. A server that was told of accounts by their operator is what a node meets.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::server::Server;
use super::world::{name, servers};
use crate::credentials::{Holder, Keys};
use crate::link::{Link, Servers};
use crate::provision::{Provisioned, provision};
use crate::shape::{EVENTS, RECORD, Wanted};
use crate::stream::{Settings, Stream};

const GOLDEN: &str = "golden/permissions.txt";

/// What is tried at a stream's API, with what stands behind it.
const OF_A_STREAM: &[(&str, &str)] = &[
    ("STREAM.CREATE", ""),
    ("STREAM.UPDATE", ""),
    ("STREAM.DELETE", ""),
    ("STREAM.PURGE", ""),
    ("STREAM.INFO", ""),
    ("STREAM.MSG.GET", ""),
    ("STREAM.MSG.DELETE", ""),
    ("STREAM.SNAPSHOT", ""),
    ("STREAM.RESTORE", ""),
    ("STREAM.PEER.REMOVE", ""),
    ("STREAM.LEADER.STEPDOWN", ""),
    ("DIRECT.GET", ""),
    ("CONSUMER.CREATE", ".siem"),
    ("CONSUMER.DURABLE.CREATE", ".siem"),
    ("CONSUMER.DELETE", ".siem"),
    ("CONSUMER.INFO", ".siem"),
    ("CONSUMER.NAMES", ""),
    ("CONSUMER.LIST", ""),
    ("CONSUMER.MSG.NEXT", ".siem"),
    ("CONSUMER.PAUSE", ".siem"),
    ("CONSUMER.LEADER.STEPDOWN", ".siem"),
];

/// What else is published.
const PUBLISHED: &[&str] = &[
    "sallyport.record.test.gw-1",
    "sallyport.record.test.gw-2",
    "sallyport.record.test.control",
    "sallyport.record.other.gw-1",
    "sallyport.events.test.command-judged.block.web-1",
    "sallyport.events.other.command-judged.block.web-1",
    "$JS.ACK.SALLYPORT_RECORD.siem.1.1.1.1.1",
    "$JS.ACK.SALLYPORT_EVENTS.siem.1.1.1.1.1",
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.CREATE.OTHER",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.SERVER.REMOVE",
    "$JS.API.ACCOUNT.PURGE.OTHER",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.CLAIMS.UPDATE",
    "anything.else",
];

/// What is subscribed to.
const SUBSCRIBED: &[&str] = &[
    ">",
    "sallyport.record.>",
    "sallyport.record.test.gw-1",
    "sallyport.events.>",
    "$JS.>",
    "$JS.EVENT.ADVISORY.>",
    "$SYS.>",
    "_INBOX.>",
    "_INBOX_gw-1.x",
    "_INBOX_gw-2.x",
    "_INBOX_siem.x",
];

fn holders() -> Vec<(&'static str, Holder)> {
    let (cluster, node) = (name("test"), name("gw-1"));
    vec![
        ("operator", Holder::RecordOperator),
        ("node", Holder::Node { cluster: cluster.clone(), node: node.clone() }),
        ("publisher", Holder::Publisher { cluster, node }),
        ("subscriber", Holder::Subscriber { name: "siem".to_owned() }),
    ]
}

struct Told {
    server: Server,
    keys: Keys,
}

impl Told {
    fn start() -> Self {
        let keys = Keys::make();
        let accounts = keys.server_configuration(1_700_000_000).expect("keys with private halves");
        let server = Server::with(&accounts);
        Self { server, keys }
    }

    fn credentials(&self, holder: &Holder) -> String {
        self.keys.issue(holder, 1_700_000_000).expect("keys with private halves")
    }

    fn servers(&self, holder: &Holder) -> Servers {
        let credentials = Some(self.credentials(holder));
        Servers { credentials, inbox: holder.inbox(), ..servers(&self.server) }
    }

    async fn provision(&self) {
        let record = Wanted::record(&name("test"), 1);
        let made = provision(&self.servers(&Holder::RecordOperator), &record, -1, false).await;
        assert_eq!(made, Ok(Provisioned::Made));
        let events = Wanted::events(&name("test"), 1);
        let made = provision(&self.servers(&Holder::EventsOperator), &events, -1, false).await;
        assert_eq!(made, Ok(Provisioned::Made));
    }
}

/// A connection in the words of the protocol, so that a refusal is seen and not guessed.
struct Wire {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Wire {
    fn connect(port: u16, credentials: &str) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        let writer = stream.try_clone().expect("a second handle");
        let mut wire = Self { reader: BufReader::new(stream), writer };
        let info = wire.line();
        let info: Value = serde_json::from_str(info.trim_start_matches("INFO ")).expect("JSON");
        let mut lines =
            credentials.lines().filter(|line| line.len() > 40 && !line.starts_with('-'));
        let token = lines.next().expect("a token");
        let seed = lines.next().expect("a seed");
        let key = KeyPair::from_seed(seed).expect("a key");
        let nonce = info["nonce"].as_str().expect("a nonce");
        let signature = BASE64.encode(key.sign(nonce.as_bytes()).expect("a signature"));
        let hello = json!({
            "verbose": false, "pedantic": false, "lang": "test", "version": "1", "headers": true,
            "jwt": token, "sig": signature,
        });
        wire.say(&format!("CONNECT {hello}\r\n"));
        assert_eq!(wire.refusal(), None, "it is let in");
        wire
    }

    fn say(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).expect("it is sent");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// What the server refused of all that was said.
    fn refusal(&mut self) -> Option<String> {
        self.say("PING\r\n");
        let mut refused = None;
        loop {
            let line = self.line();
            match line.as_str() {
                "PONG" => return refused,
                "PING" => self.say("PONG\r\n"),
                _ if line.starts_with("-ERR") => refused = Some(line),
                "" => return Some("closed".to_owned()),
                _ => {}
            }
        }
    }
}

fn actions() -> Vec<(String, String)> {
    let of_streams = [RECORD, EVENTS].into_iter().flat_map(|stream| {
        OF_A_STREAM.iter().map(move |(what, rest)| format!("$JS.API.{what}.{stream}{rest}"))
    });
    let published = of_streams.chain(PUBLISHED.iter().map(|subject| (*subject).to_owned()));
    let published = published.map(|subject| {
        let said = format!("PUB {subject} 2\r\n{{}}\r\n");
        (format!("publish {subject}"), said)
    });
    let subscribed = SUBSCRIBED
        .iter()
        .map(|subject| (format!("subscribe {subject}"), format!("SUB {subject} 1\r\nUNSUB 1\r\n")));
    published.chain(subscribed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what_is_as_the_reviewed_picture_says() {
    let told = Told::start();
    told.provision().await;
    let mut seen = String::from("action");
    let mut wires = Vec::new();
    for (short, holder) in holders() {
        write!(seen, " | {short}").expect("text");
        wires.push(Wire::connect(told.server.port, &told.credentials(&holder)));
    }
    seen.push('\n');
    for (action, said) in actions() {
        seen.push_str(&action);
        for wire in &mut wires {
            wire.say(&said);
            let may = match wire.refusal() {
                None => "yes",
                Some(refused) if refused.contains("Permissions Violation") => "-",
                Some(refused) => panic!("{action}: {refused}"),
            };
            write!(seen, " | {may}").expect("text");
        }
        seen.push('\n');
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("SALLYPORT_GOLDEN").is_some() {
        std::fs::write(&file, &seen).expect("a golden file");
    }
    let golden = std::fs::read_to_string(&file).expect("a golden file");
    assert_eq!(seen, golden, "SALLYPORT_GOLDEN=1 writes it anew; read the change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_needs_no_more_than_its_credentials() {
    let told = Told::start();
    told.provision().await;
    let (cluster, node) = (name("test"), name("gw-1"));
    let holder = Holder::Node { cluster: cluster.clone(), node: node.clone() };
    let (servers, publisher) = (told.servers(&holder), None);
    let (replicas, sync) = (1, Duration::ZERO);
    let settings = Settings { servers, publisher, cluster, node, replicas, sync };
    let version = Stream::check(&settings).await.expect("it is as it must be");
    assert!(version.starts_with("2."), "{version}");
    let node = super::world::Node::with(settings.clone());
    node.is_up().await;
    node.replicate("one").await.expect("the stream has it");
    // Without credentials, or with those of somebody else's servers, nobody is let in.
    for credentials in [None, Some(Told::start().credentials(&holder))] {
        let servers = Servers { credentials, ..settings.servers.clone() };
        let fault = Stream::check(&Settings { servers, ..settings.clone() }).await;
        let fault = fault.expect_err("it is not let in");
        assert!(matches!(fault, crate::Fault::Unauthorized(_)), "{fault}");
    }
}

/// JetStream answers to any subject that an asker names, and what it answers is then published
/// there. Subscribers have an account of their own, so that no answer of theirs reaches a chain.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_subscriber_asks_for_never_lands_in_a_chain() {
    let told = Told::start();
    told.provision().await;
    let subscriber = Holder::Subscriber { name: "siem".to_owned() };
    let mut wire = Wire::connect(told.server.port, &told.credentials(&subscriber));
    wire.say("PUB $JS.API.STREAM.INFO.SALLYPORT_EVENTS sallyport.record.test.gw-1 0\r\n\r\n");
    wire.say("PUB $JS.API.INFO sallyport.events.test.forged.none.none 0\r\n\r\n");
    assert_eq!(wire.refusal(), None);
    let link = Link::open(&told.servers(&Holder::RecordOperator)).await.expect("it is reached");
    let info = link.stream_info(RECORD).await.expect("an answer");
    assert_eq!(info["state"]["messages"], json!(0), "nothing landed in the record");
}
