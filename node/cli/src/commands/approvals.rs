//! `approvals`: what waits for somebody else's word, and giving it.

use std::io::{IsTerminal as _, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use proto::api::{ApprovalRow, ApprovalState, PolicyNow, RevocationAsked, RulingAsked};
use proto::entry::Ruling;
use proto::refusal::Code;
use serde_json::{Value, json};

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::diff::{self, Side};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column, Format};
use crate::terminal::safe;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("STATE", "/state"),
    ("ASKED BY", "/person"),
    ("FOR", "/for"),
    ("RULES", "/rules"),
    ("RULINGS", "/rulings"),
    ("EXPIRES", "/expires"),
    ("YOURS", "/yours"),
];

/// Requests for approvals: list, show, approve, deny, revoke, watch.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// List those that you asked for or may rule on, the oldest first
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
    },
    /// Show one; a policy that waits is shown as a difference to the one in force
    Show {
        /// Its id, as the list shows it
        id: u64,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Say that it may go on: what you approve is bound to the exact command
    Approve(Word),
    /// Say that it may not go on
    Deny(Word),
    /// Take an approval back before it is used
    Revoke(Word),
    /// Show those that are open, then each one again as it changes
    Watch {
        #[command(flatten)]
        gateway: Gateway,
    },
}

/// Somebody's word on a request.
#[derive(Args, Debug)]
pub(crate) struct Word {
    /// Its id, as the list shows it
    id: u64,
    /// Why; it is recorded
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    gateway: Gateway,
    #[command(flatten)]
    listing: Listing,
}

/// States of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Waits for rulings
    Open,
    /// Every rule is satisfied, and it was not used yet
    Approved,
    /// Was used
    Consumed,
    /// Somebody said no
    Denied,
    /// Whoever asked asks no more
    Withdrawn,
    /// Its time passed
    Expired,
    /// Was taken back
    Revoked,
}

/// Runs one of them.
pub(crate) async fn run(approvals: Approvals) -> Outcome {
    match approvals {
        Approvals::List { gateway, listing, state } => {
            let state = state.and_then(|state| state.to_possible_value());
            let mut query = vec![("limit", "1000".to_owned())];
            query.extend(state.map(|state| ("state", state.get_name().to_owned())));
            let client = Client::new(&gateway)?;
            let rows: Vec<ApprovalRow> = client.list("/v1/approvals", &query).await?;
            list(listing, &rows)
        }
        Approvals::Show { id, gateway, listing } => {
            let client = Client::new(&gateway)?;
            let row: ApprovalRow = client.get(&format!("/v1/approvals/{id}")).await?;
            show(&client, listing, &row).await
        }
        Approvals::Approve(word) => rule(word, Ruling::Approve).await,
        Approvals::Deny(word) => rule(word, Ruling::Deny).await,
        Approvals::Revoke(Word { id, reason, gateway, listing }) => {
            let client = Client::new(&gateway)?;
            let path = format!("/v1/approvals/{id}/revoke");
            let row: ApprovalRow = client.post(&path, &RevocationAsked { reason }).await?;
            list(listing, &[row])
        }
        Approvals::Watch { gateway } => watch(&Client::new(&gateway)?).await,
    }
}

async fn rule(word: Word, ruling: Ruling) -> Outcome {
    let Word { id, reason, gateway, listing } = word;
    let path = format!("/v1/approvals/{id}/ruling");
    let body = RulingAsked { ruling, reason };
    let row: ApprovalRow = Client::new(&gateway)?.post(&path, &body).await?;
    list(listing, &[row])
}

fn list(listing: Listing, rows: &[ApprovalRow]) -> Outcome {
    match Format::or_fitting(listing.output) {
        Format::Table => {
            let rows: Vec<_> = rows.iter().map(flat).collect();
            output::rows(Some(Format::Table), COLUMNS, &rows)
        }
        other => output::rows(Some(other), COLUMNS, rows),
    }
}

/// A row for a person: one line that says what it is about.
pub(crate) fn flat(row: &ApprovalRow) -> Value {
    let what = match (&row.command, &row.policy) {
        (Some(command), _) => {
            let text: String = command.text.chars().take(100).collect();
            format!("{}@{}: {text}", command.login, command.target)
        }
        (None, Some(policy)) => format!("policy {:.12}", policy.digest.to_string()),
        (None, None) => String::new(),
    };
    let rule = |rule: &proto::event::AskedOfApprovers| format!("{}×{}", rule.rule, rule.count);
    let ruling = |ruling: &proto::api::RulingRow| format!("{} {}", ruling.person, ruling.ruling);
    json!({
        "id": row.id,
        "state": row.state,
        "person": row.person,
        "for": what,
        "rules": row.rules.iter().map(rule).collect::<Vec<_>>(),
        "rulings": row.rulings.iter().map(ruling).collect::<Vec<_>>(),
        "expires": row.expires,
        "yours": if row.may_rule { "to rule on" } else { "" },
    })
}

async fn show(client: &Client, listing: Listing, row: &ApprovalRow) -> Outcome {
    if Format::or_fitting(listing.output) != Format::Table {
        return output::one(listing.output, row);
    }
    let proposed = row.policy.as_ref().and_then(|policy| policy.document.as_deref());
    let mut about = row.clone();
    if let Some(policy) = &mut about.policy {
        policy.document = None;
    }
    output::one(Some(Format::Table), &about)?;
    let Some(proposed) = proposed else { return Ok(()) };
    let before = match client.get::<PolicyNow>("/v1/policy").await {
        Ok(now) => now.document,
        Err(Failure::Told(told)) if told.code == Code::NotFound => String::new(),
        Err(failure) => return Err(failure),
    };
    let before = Side { name: "in force", text: &before };
    let after = Side { name: "proposed", text: proposed };
    output::print(&format!("\n{}", diff::shown(before, after)))
}

async fn watch(client: &Client) -> Outcome {
    let mut lines = client.lines("/v1/approvals/watch", &[("follow", "true".to_owned())]).await?;
    let for_a_person = std::io::stdout().is_terminal();
    while let Some(line) = lines.next().await? {
        let mut out = std::io::stdout().lock();
        if for_a_person {
            let row = serde_json::from_slice::<ApprovalRow>(&line);
            let row = row.map_err(|error| Failure::new(Code::ServerUnreachable, error))?;
            writeln!(out, "{}", one_line(&row))?;
        } else {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
    let text = "the gateway ended the stream; is it shutting down?";
    Err(Failure::new(Code::ServerUnreachable, text))
}

/// One line for a person, safe for a terminal.
pub(crate) fn one_line(row: &ApprovalRow) -> String {
    let flat = flat(row);
    let because = row.because.map(|because| format!(" ({because})")).unwrap_or_default();
    let mut parts = vec![row.id.to_string(), format!("{}{because}", row.state), row.person.clone()];
    parts.extend(flat["for"].as_str().map(str::to_owned));
    if let Some(last) = row.rulings.last() {
        parts.push(format!("{}: {} ({})", last.person, last.ruling, last.reason));
    }
    if row.state == ApprovalState::Open && row.may_rule {
        parts.push(format!("sallyport approvals approve {} --reason …", row.id));
    }
    safe(&parts.join("  ")).into_owned()
}
