//! Who may do what at the stream's servers: keys, and what they sign.
//!
//! The servers are told one operator and three accounts, once; whoever is let in later needs no
//! change there. The record and what subscribers read are accounts of their own, because JetStream
//! answers to any subject that an asker names: a subscriber in the record's account could have the
//! server itself write into a chain.
//!
//! The tokens are JSON Web Tokens as nats-server reads them (nats-io/jwt, version 2): base64url of
//! header, claims and an Ed25519 signature, with the algorithm `ed25519-nkey`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use nkeys::KeyPair;
use proto::ids::{Chain, Name};
use serde_json::{Value, json};

use crate::shape::{EVENTS, RECORD};
use crate::subject::{event_subjects, record_subject, token};

/// A key or a token that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAKey(String);

/// The keys of an operator: whoever has them decides who may do what.
pub struct Keys {
    operator: KeyPair,
    system: KeyPair,
    record: KeyPair,
    events: KeyPair,
}

/// Whom a credential is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Whoever makes and changes the stream of the record.
    RecordOperator,
    /// Whoever makes and changes the stream for subscribers.
    EventsOperator,
    /// A node, at the record: it publishes its own chain, and the control chain while it leads.
    Node {
        /// The cluster.
        cluster: Name,
        /// The node.
        node: Name,
    },
    /// A node, at the stream for subscribers: the leader publishes there.
    Publisher {
        /// The cluster.
        cluster: Name,
        /// The node.
        node: Name,
    },
    /// Whoever reads the stream for subscribers.
    Subscriber {
        /// What servers call it.
        name: String,
    },
}

impl Keys {
    /// New ones.
    #[must_use]
    pub fn make() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            system: KeyPair::new_account(),
            record: KeyPair::new_account(),
            events: KeyPair::new_account(),
        }
    }

    /// As text, to be kept where no node reads it.
    ///
    /// # Errors
    /// [`NotAKey`] when a key has no private half.
    pub fn to_text(&self) -> Result<String, NotAKey> {
        let keys = [&self.operator, &self.system, &self.record, &self.events];
        let seeds: Result<Vec<_>, _> = keys.map(KeyPair::seed).into_iter().collect();
        let seeds = seeds.map_err(|error| NotAKey(error.to_string()))?;
        let names = ["operator", "system", "record", "events"];
        let lines = names.iter().zip(seeds).map(|(name, seed)| format!("{name} {seed}\n"));
        Ok(lines.collect())
    }

    /// Reads what [`Keys::to_text`] wrote.
    ///
    /// # Errors
    /// [`NotAKey`], naming the key.
    pub fn from_text(text: &str) -> Result<Self, NotAKey> {
        let key = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let seed = line.ok_or_else(|| NotAKey(format!("it holds no {name} key")))?;
            KeyPair::from_seed(seed.trim()).map_err(|_| NotAKey(format!("{name}: not a seed")))
        };
        Ok(Self {
            operator: key("operator")?,
            system: key("system")?,
            record: key("record")?,
            events: key("events")?,
        })
    }

    /// What each server's configuration includes: it holds no secret.
    ///
    /// # Errors
    /// [`NotAKey`] when a key has no private half.
    pub fn server_configuration(&self, now: u64) -> Result<String, NotAKey> {
        let system = self.system.public_key();
        let claims = json!({
            "name": "sallyport",
            "sub": self.operator.public_key(),
            "nats": { "type": "operator", "version": 2, "system_account": system },
        });
        let operator = signed(&self.operator, claims, now)?;
        let mut text = format!(
            "operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{\n"
        );
        let accounts = [
            ("system", &self.system, 0),
            ("record", &self.record, -1),
            ("events", &self.events, -1),
        ];
        for (name, key, storage) in accounts {
            let token = self.account(name, key, storage, now)?;
            text.push_str(&format!("  {}: {token}\n", key.public_key()));
        }
        text.push_str("}\n");
        Ok(text)
    }

    fn account(
        &self,
        name: &str,
        key: &KeyPair,
        storage: i64,
        now: u64,
    ) -> Result<String, NotAKey> {
        let claims = json!({
            "name": format!("sallyport-{name}"),
            "sub": key.public_key(),
            "nats": {
                "type": "account",
                "version": 2,
                "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                    "wildcards": true, "conn": -1, "leaf": 0,
                    "mem_storage": storage, "disk_storage": storage, "streams": storage,
                    "consumer": storage,
                },
                "default_permissions": { "pub": {}, "sub": {} },
            },
        });
        signed(&self.operator, claims, now)
    }

    /// A credentials file for somebody: a token and the key that proves it.
    ///
    /// # Errors
    /// [`NotAKey`] when a key has no private half.
    pub fn issue(&self, holder: &Holder, now: u64) -> Result<String, NotAKey> {
        let user = KeyPair::new_user();
        let account = match holder {
            Holder::RecordOperator | Holder::Node { .. } => &self.record,
            _ => &self.events,
        };
        let (publish, subscribe) = holder.may();
        let claims = json!({
            "name": holder.name(),
            "sub": user.public_key(),
            "nats": {
                "type": "user",
                "version": 2,
                "pub": { "allow": publish },
                "sub": { "allow": subscribe },
                "subs": -1, "data": -1, "payload": -1,
            },
        });
        let token = signed(account, claims, now)?;
        let seed = user.seed().map_err(|error| NotAKey(error.to_string()))?;
        Ok(format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ))
    }
}

impl Holder {
    /// What servers call whoever has it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::RecordOperator => "record-operator".to_owned(),
            Self::EventsOperator => "events-operator".to_owned(),
            Self::Node { cluster, node } => format!("{cluster}/{node}"),
            Self::Publisher { cluster, node } => format!("{cluster}/{node}/events"),
            Self::Subscriber { name } => format!("subscriber/{name}"),
        }
    }

    /// The beginning of the subjects that answers come to, of its own: nobody reads another's.
    #[must_use]
    pub fn inbox(&self) -> String {
        match self {
            Self::RecordOperator | Self::EventsOperator => "_INBOX".to_owned(),
            Self::Node { node, .. } | Self::Publisher { node, .. } => inbox_of(node),
            Self::Subscriber { name } => format!("_INBOX_{}", token(name)),
        }
    }

    /// The subjects that it may publish to, and those that it may subscribe to.
    fn may(&self) -> (Vec<String>, Vec<String>) {
        let inbox = format!("{}.>", self.inbox());
        let read = |stream: &str| {
            [
                format!("$JS.API.STREAM.INFO.{stream}"),
                format!("$JS.API.STREAM.MSG.GET.{stream}"),
                format!("$JS.API.DIRECT.GET.{stream}"),
            ]
        };
        match self {
            Self::RecordOperator | Self::EventsOperator => {
                (vec!["$JS.API.>".to_owned(), "$JS.ACK.>".to_owned()], vec![inbox])
            }
            Self::Node { cluster, node } => {
                let own = record_subject(cluster, &Chain::Node(node.clone()));
                let control = record_subject(cluster, &Chain::Control);
                let mut publish = vec![own, control];
                publish.extend(read(RECORD));
                (publish, vec![inbox])
            }
            Self::Publisher { cluster, .. } => {
                let mut publish = vec![event_subjects(cluster)];
                publish.extend(read(EVENTS));
                (publish, vec![inbox])
            }
            Self::Subscriber { .. } => {
                let publish = vec![
                    format!("$JS.API.STREAM.INFO.{EVENTS}"),
                    format!("$JS.API.CONSUMER.CREATE.{EVENTS}.>"),
                    format!("$JS.API.CONSUMER.DURABLE.CREATE.{EVENTS}.*"),
                    format!("$JS.API.CONSUMER.INFO.{EVENTS}.*"),
                    format!("$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.*"),
                    format!("$JS.ACK.{EVENTS}.>"),
                    "$JS.API.INFO".to_owned(),
                    "$JS.API.STREAM.NAMES".to_owned(),
                ];
                // Consumers of others choose an inbox without asking.
                (publish, vec![inbox, "_INBOX.>".to_owned()])
            }
        }
    }
}

/// The beginning of the subjects that a node's answers come to.
pub(crate) fn inbox_of(node: &Name) -> String {
    format!("_INBOX_{}", token(node.as_str()))
}

/// A token over claims, signed by their issuer.
fn signed(issuer: &KeyPair, mut claims: Value, now: u64) -> Result<String, NotAKey> {
    let mut put = |field: &str, value: Value| {
        if let Some(fields) = claims.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
    };
    put("iss", issuer.public_key().into());
    put("iat", now.into());
    put("jti", "".into());
    let digest = ring::digest::digest(&ring::digest::SHA256, claims.to_string().as_bytes());
    if let Some(fields) = claims.as_object_mut() {
        fields.insert("jti".to_owned(), BASE64.encode(digest.as_ref()).into());
    }
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body =
        format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = issuer.sign(body.as_bytes()).map_err(|error| NotAKey(error.to_string()))?;
    Ok(format!("{body}.{}", BASE64.encode(signature)))
}
