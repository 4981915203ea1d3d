//! The targets document as it is written. It knows the fields of kinds that are not served yet, so
//! that those are named instead of being called unknown.

use std::collections::BTreeMap;
use std::fmt;

use proto::ids::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The targets of a cluster: what is behind the gateway, and how it is reached.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Targets", title = "targets.yaml")]
pub(super) struct RawFile {
    /// All targets of the cluster.
    pub(super) targets: Vec<RawTarget>,
}

/// One target.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Target")]
pub(super) struct RawTarget {
    /// Unique: letters, digits, '.', '_' and '-', first a letter or digit.
    #[schemars(with = "Name")]
    pub(super) name: Spanned<String>,
    /// The protocol: `ssh` or `postgres`.
    #[schemars(with = "String", extend("enum" = ["ssh", "postgres"]))]
    pub(super) kind: Spanned<String>,
    /// `host:port`; an IPv6 address in brackets.
    #[schemars(with = "String")]
    pub(super) address: Option<Spanned<String>>,
    /// Labels that the policy speaks of.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) labels: BTreeMap<String, Spanned<String>>,
    /// The host keys that the target may show, or `trust-on-first-use` (dev only).
    #[schemars(with = "SchemaOfHostKeys")]
    pub(super) host_keys: Option<Spanned<RawHostKeys>>,
    /// Where a node finds what it logs in with.
    #[schemars(with = "SchemaOfCredential")]
    pub(super) credential: Option<Spanned<RawCredential>>,
    /// Logins that exist on the target, the default first.
    #[serde(rename = "as")]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) logins: Option<Spanned<Vec<Spanned<String>>>>,
    /// For databases: the one that is meant when the client names none.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) database: Option<Spanned<String>>,
    /// For databases: whether the connection to it is TLS; `verify-full` if absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    #[schemars(extend("enum" = ["disable", "require", "verify-full", null]))]
    pub(super) tls: Option<Spanned<String>>,
    /// For databases: the file of the authority that vouches for its certificate.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) ca: Option<Spanned<String>>,
}

impl RawTarget {
    pub(super) fn field_of_other_kinds(&self) -> Option<&'static str> {
        let fields = [(&self.database, "database"), (&self.tls, "tls"), (&self.ca, "ca")];
        fields.iter().find(|(given, _)| given.is_some()).map(|(_, name)| *name)
    }
}

/// What a node logs in with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredential {
    #[serde(default)]
    pub(super) private_key: Option<RawSource>,
    #[serde(default)]
    pub(super) ca: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) user: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) password: Option<RawSource>,
    #[serde(default)]
    pub(super) certificate: Option<RawSource>,
}

/// Where a secret, or what goes with it, is: exactly one of both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    #[serde(default)]
    pub(super) file: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) env: Option<Spanned<String>>,
}

/// How the host key is known.
pub(super) enum RawHostKeys {
    /// One of these.
    List(Vec<Spanned<String>>),
    /// Something else than a list or a mapping.
    Word(String),
    /// `{ ca: … }`
    Authority,
}

/// By hand, because serde's untagged enums forget where things stand in the text.
impl<'de> Deserialize<'de> for RawHostKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HostKeysVisitor)
    }
}

struct HostKeysVisitor;

impl<'de> Visitor<'de> for HostKeysVisitor {
    type Value = RawHostKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of host keys, or trust-on-first-use")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawHostKeys, E> {
        Ok(RawHostKeys::Word(word.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawHostKeys, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawHostKeys::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHostKeys, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key != "ca" {
                return Err(A::Error::unknown_field(&key, &["ca"]));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(RawHostKeys::Authority)
    }
}

/// How the target's host key is known.
#[derive(JsonSchema)]
#[schemars(rename = "HostKeys", untagged)]
#[expect(dead_code, reason = "only the schema is made of it")]
enum SchemaOfHostKeys {
    /// Public keys in OpenSSH's one-line form.
    List(#[schemars(length(min = 1))] Vec<String>),
    /// The first key seen is kept; dev only.
    Word(#[schemars(extend("const" = "trust-on-first-use"))] String),
}

/// What a node logs in with.
#[derive(JsonSchema)]
#[schemars(rename = "Credential", deny_unknown_fields)]
#[expect(dead_code, reason = "only the schema is made of it")]
struct SchemaOfCredential {
    /// For `ssh`: where the private key is. For `postgres`: the file of the certificate's.
    private_key: Option<SchemaOfSource>,
    /// For `postgres`: the role.
    user: Option<String>,
    /// For `postgres`: where its password is; without one, when a certificate is enough.
    password: Option<SchemaOfSource>,
    /// For `postgres`: the file of the client certificate, in PEM.
    certificate: Option<SchemaOfSource>,
}

/// Where a private key is.
#[derive(JsonSchema)]
#[schemars(rename = "Source", rename_all = "lowercase", deny_unknown_fields)]
#[expect(dead_code, reason = "only the schema is made of it")]
enum SchemaOfSource {
    /// A file on the node; relative to the document.
    File(String),
    /// An environment variable of the node.
    Env(String),
}
