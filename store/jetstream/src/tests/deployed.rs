//! The configuration in `deploy/nats`, as three servers run it: only addresses and the folder are
//! replaced.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::server::{Server, free_ports};
use super::world::{Node, eventually, name};
use crate::credentials::{Holder, Keys};
use crate::fault::Fault;
use crate::link::{Link, Servers};
use crate::provision::{Provisioned, provision};
use crate::shape::{EVENTS, RECORD, Wanted};
use crate::stream::Settings;

struct Deployed {
    servers: Vec<Server>,
    keys: Keys,
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nats").join(name);
    std::fs::read_to_string(path).expect("a file of deploy/nats")
}

impl Deployed {
    fn start() -> Self {
        let keys = Keys::make();
        let accounts = keys.server_configuration(1_700_000_000).expect("keys with private halves");
        let (clients, routes): ([u16; 3], [u16; 3]) = (free_ports(), free_ports());
        let common = file("common.conf").replace("200GB", "1GB");
        let mut servers = Vec::new();
        for place in 0..3 {
            let mut text = file(&format!("nats-{}.conf", place + 1))
                .replace("0.0.0.0:4222", &format!("127.0.0.1:{}", clients[place]))
                .replace("0.0.0.0:6222", &format!("127.0.0.1:{}", routes[place]));
            for (other, port) in routes.iter().enumerate() {
                let named = format!("nats-{}:6222", other + 1);
                text = text.replace(&named, &format!("127.0.0.1:{port}"));
            }
            let files = [
                ("nats.conf", text),
                ("common.conf", common.clone()),
                ("accounts.conf", accounts.clone()),
            ];
            servers.push(Server::of_files(clients[place], &files));
        }
        servers.iter_mut().for_each(Server::again);
        Self { servers, keys }
    }

    fn servers(&self, holder: &Holder) -> Servers {
        let credentials = self.keys.issue(holder, 1_700_000_000).expect("keys");
        Servers {
            urls: self.servers.iter().map(Server::url).collect(),
            credentials: Some(credentials),
            authority: None,
            name: holder.name(),
            inbox: holder.inbox(),
        }
    }

    async fn provision(&self) {
        let wanted = [
            (Wanted::record(&name("test"), 3), Holder::RecordOperator),
            (Wanted::events(&name("test"), 3), Holder::EventsOperator),
        ];
        for (wanted, holder) in wanted {
            let servers = self.servers(&holder);
            // Three servers that have just started have no leader yet.
            let made = async || provision(&servers, &wanted, -1, false).await.ok();
            assert_eq!(eventually(made, "the stream is made").await, Provisioned::Made);
            let again = provision(&servers, &wanted, -1, false).await;
            assert_eq!(again, Ok(Provisioned::AsItMustBe));
        }
    }

    fn settings(&self) -> Settings {
        let (cluster, node) = (name("test"), name("gw-1"));
        let of_node = Holder::Node { cluster: cluster.clone(), node: node.clone() };
        let of_publisher = Holder::Publisher { cluster: cluster.clone(), node: node.clone() };
        Settings {
            servers: self.servers(&of_node),
            publisher: Some(self.servers(&of_publisher)),
            cluster,
            node,
            replicas: 3,
            sync: Duration::ZERO,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_lose_one_and_go_on_and_stop_with_two_gone() {
    let mut deployed = Deployed::start();
    deployed.provision().await;
    let node = Node::with(deployed.settings());
    node.leads.send_replace(true);
    node.is_up().await;
    for count in 0..200 {
        node.append(&format!("event {count}")).await;
    }
    node.replicate("all three have it").await.expect("the stream has it");
    deployed.servers[0].kill();
    let goes_on = async || node.replicate("one is gone").await.ok();
    eventually(goes_on, "two are a majority").await;
    deployed.servers[1].kill();
    node.append("two are gone").await;
    let is_down = |fault: &Fault| !fault.is_of_a_chain();
    node.fault(is_down).await;
    deployed.servers.iter_mut().take(2).for_each(Server::again);
    let last = node.log.last();
    node.acknowledged(last).await;
    let derived = async || {
        let operator = deployed.servers(&Holder::EventsOperator);
        let link = Link::open(&operator).await.ok()?;
        let info = link.stream_info(EVENTS).await.ok()?;
        (info["state"]["messages"].as_u64()? >= last).then_some(())
    };
    eventually(derived, "subscribers have all of it").await;
    let link = Link::open(&deployed.servers(&Holder::RecordOperator)).await.expect("it is reached");
    let info = link.stream_info(RECORD).await.expect("an answer");
    assert_eq!(info["config"]["num_replicas"], json!(3));
}
