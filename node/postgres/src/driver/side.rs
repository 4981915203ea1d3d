//! A connection to a session's database beside the client's own, as the same role: what is asked
//! there takes no snapshot and no lock of the client's transaction, and cannot make it fail. No
//! statement of the client runs on it; they are parsed there, and the server shows how it
//! understood them.

use std::sync::Arc;
use std::time::Duration;

use proto::refusal::{Code, Told};
use proto::target::Target;
use tokio::time::timeout;

use super::back::{self, Opening};
use super::leg::Leg;
use super::node::Node;
use crate::codec::read::{self, Reader};
use crate::codec::write;
use crate::surroundings::Lookup;

/// How long one question may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// The largest tree that is looked at, in bytes.
const TREE_BYTES: usize = 8 * 1024 * 1024;
/// How many rows an answer may have.
const ROWS: usize = 2_000_000;
/// How the server is asked to show trees: as one line, to nobody but the one who asks, and without
/// waiting long for what the client's own transaction has locked.
const SETTINGS: &[(&str, &str)] = &[
    ("client_min_messages", "log"),
    ("debug_pretty_print", "off"),
    ("lock_timeout", "500"),
    ("statement_timeout", "8000"),
    ("idle_in_transaction_session_timeout", "10000"),
];
/// Where in the server a tree is shown: no function can say that it spoke from there.
const SPEAKER: &[u8] = b"elog_node_display";

/// A row of an answer, in text.
pub(super) type Row = Vec<Option<String>>;

/// The connection.
pub(super) struct Side {
    leg: Leg,
    lookup: Option<Lookup>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The server says that it cannot.
    Refused,
    /// The connection is of no use any more.
    Lost(String),
}

fn lost(reason: impl ToString) -> NoAnswer {
    NoAnswer::Lost(reason.to_string())
}

impl NoAnswer {
    /// What the client is told when nothing can be done without the answer.
    pub(super) fn told(&self) -> Told {
        let reason = match self {
            Self::Refused => "it refuses to answer",
            Self::Lost(reason) => reason,
        };
        tracing::warn!(reason, "a database does not say which of its columns are masked");
        let text = "The database does not say which of its columns are masked.";
        Told::new(Code::TargetUnreachable, text)
    }
}

impl Side {
    /// Connects and logs in.
    pub(super) async fn open(
        node: &Arc<Node>,
        target: &Target,
        opening: &Opening<'_>,
    ) -> Result<Self, Told> {
        let own = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = own.collect();
        let opening = Opening { settings: &settings, ..*opening };
        let dialled = back::dial(node, target, &opening).await?;
        let mut side = Self { leg: dialled.leg, lookup: Some(Lookup::default()) };
        // Trees go to the server's log too, unless the role may say that they do not.
        drop(side.rows("set log_min_messages = fatal").await);
        Ok(side)
    }

    /// Runs a question of the gateway's own.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, NoAnswer> {
        let mut out = Vec::new();
        write::message(&mut out, b'Q', |out| write::text(out, sql.as_bytes()));
        let answer = async {
            self.send(&out).await?;
            let mut answer = Answer::default();
            self.hear(&mut answer).await?;
            if answer.failed { Err(NoAnswer::Refused) } else { Ok(answer.rows) }
        };
        timeout(ANSWER_DEADLINE, answer).await.map_err(lost)?
    }

    /// How the server understands a query, names looked up as the client's are: its rewritten tree.
    pub(super) async fn tree(
        &mut self,
        query: &str,
        types: &[u8],
        lookup: &Lookup,
    ) -> Result<String, NoAnswer> {
        if self.lookup.as_ref() != Some(lookup) {
            self.lookup = None;
            self.rows(&looked_up(lookup)).await?;
            self.lookup = Some(lookup.clone());
        }
        let mut out = Vec::new();
        let set = |out: &mut Vec<u8>, value: &str| {
            let text = format!("set debug_print_rewritten = {value}");
            write::message(out, b'Q', |out| write::text(out, text.as_bytes()));
        };
        set(&mut out, "on");
        write::message(&mut out, b'P', |out| {
            write::text(out, b"");
            write::text(out, query.as_bytes());
            out.extend_from_slice(if types.is_empty() { &[0, 0] } else { types });
        });
        write::empty(&mut out, b'S');
        set(&mut out, "off");
        let answers = async {
            self.send(&out).await?;
            let (mut on, mut asked, mut off) =
                (Answer::default(), Answer::default(), Answer::default());
            self.hear(&mut on).await?;
            self.hear(&mut asked).await?;
            self.hear(&mut off).await?;
            if on.failed || off.failed { Err(lost("a setting is not taken")) } else { Ok(asked) }
        };
        let asked = timeout(ANSWER_DEADLINE, answers).await.map_err(lost)??;
        let mut trees = asked.trees.into_iter();
        match (trees.next(), trees.next()) {
            (Some(tree), None) if !asked.failed => Ok(tree),
            _ => Err(NoAnswer::Refused),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), NoAnswer> {
        self.leg.put_slice(bytes);
        self.leg.flush().await.map_err(lost)
    }

    /// Hears an answer up to its end.
    async fn hear(&mut self, answer: &mut Answer) -> Result<(), NoAnswer> {
        loop {
            let (kind, body) = self.leg.next().await.map_err(lost)?;
            match kind {
                b'Z' => return Ok(()),
                b'E' => answer.failed = true,
                b'N' if read::field(&body, b'R') == Some(SPEAKER) => {
                    let tree = read::field(&body, b'D').filter(|tree| tree.len() <= TREE_BYTES);
                    let tree = tree.and_then(|tree| String::from_utf8(tree.to_vec()).ok());
                    answer.trees.push(tree.unwrap_or_default());
                }
                b'D' => {
                    if answer.rows.len() >= ROWS {
                        return Err(lost("its catalog is too large"));
                    }
                    answer.rows.push(row(&body).ok_or_else(|| lost("a row is not right"))?);
                }
                _ => {}
            }
        }
    }
}

#[derive(Default)]
struct Answer {
    rows: Vec<Row>,
    trees: Vec<String>,
    failed: bool,
}

fn row(body: &[u8]) -> Option<Row> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    let mut row = Vec::with_capacity(count);
    for _ in 0..count {
        row.push(match reader.length()? {
            Some(length) => Some(std::str::from_utf8(reader.take(length)?).ok()?.to_owned()),
            None => None,
        });
    }
    Some(row)
}

/// What makes names be looked up like that.
fn looked_up(lookup: &Lookup) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut sql = "reset role; reset search_path".to_owned();
    if let Some(role) = &lookup.role {
        sql.push_str(&format!("; select set_config('role', {}, false)", quoted(role)));
    }
    if let Some(path) = &lookup.path {
        sql.push_str(&format!("; select set_config('search_path', {}, false)", quoted(path)));
    }
    sql
}
