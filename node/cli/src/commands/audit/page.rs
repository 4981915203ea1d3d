//! The page of a report: one file, no script, nothing from elsewhere. Every text on it comes from
//! people or targets and is escaped; control characters are shown and never sent on.

use std::collections::BTreeMap;

use proto::event::Stream;
use proto::ids::SessionId;
use store_proof::{Report, Severity};
use store_views::Replay;

use super::report::{About, CommandRow, Gathered, file_name};

/// How much of a session's output the page shows, in bytes; its replay has all of it.
const SHOWN_LIMIT: usize = 32 * 1024;

/// What the page shows.
pub(super) struct Page<'a> {
    pub(super) about: &'a About,
    pub(super) gathered: &'a Gathered,
    pub(super) verified: &'a Report,
    pub(super) replays: &'a BTreeMap<SessionId, Replay>,
    pub(super) keys_given: bool,
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sallyport audit report</title>
<style>
:root {
  color-scheme: light dark; --line: #8884; --soft: #8881;
  --bad: #b3261e; --good: #1b7f3b; --warn: #9a6700;
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92em; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; }
th, td { border-bottom: 1px solid var(--line); }
td.text, pre, code { font-family: ui-monospace, monospace; font-size: .9em; }
td.text, pre, code { overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .7rem; border-radius: .4rem; white-space: pre-wrap; }
pre { max-height: 24rem; overflow: auto; }
.badge { padding: .1rem .6rem; border-radius: 1rem; border: 1px solid; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
.facts dd { margin: 0; }
@media print { pre { max-height: none; } }
</style>
"#;

/// The page.
pub(super) fn page(page: &Page<'_>) -> String {
    let mut html = HEAD.to_owned();
    let out = &mut html;
    line(out, "<h1>Audit report</h1>");
    facts(out, page.about);
    verdict(out, page.verified, page.keys_given);
    sessions(out, page.gathered);
    commands(out, &page.gathered.commands);
    replays(out, page.replays);
    line(
        out,
        "<h2>Files</h2><p><code>sessions.jsonl</code>, <code>commands.jsonl</code>, \
         <code>replays/*.cast</code> (asciicast), <code>verification.json</code>, and \
         <code>proofs/*.json</code>: <code>sallyport audit verify PROOF --keys FILE</code> checks \
         one with the public keys alone.</p></html>",
    );
    html
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn facts(out: &mut String, about: &About) {
    let any = |text: Option<String>| text.map_or_else(|| "any".to_owned(), |text| escape(&text));
    line(out, "<dl class=\"facts\">");
    for (name, value) in [
        ("Person", about.person.as_ref().map(ToString::to_string)),
        ("Target", about.target.as_ref().map(ToString::to_string)),
        ("From", about.from.map(|at| at.to_string())),
        ("To", about.to.map(|at| at.to_string())),
    ] {
        line(out, &format!("<dt>{name}</dt><dd>{}</dd>", any(value)));
    }
    line(out, "</dl>");
}

fn verdict(out: &mut String, report: &Report, keys_given: bool) {
    let (class, text) = if report.tampered {
        ("bad", "Tampering found")
    } else if !report.unverified.is_empty() {
        ("warn", "Not all could be verified")
    } else {
        ("good", "No tampering found")
    };
    line(out, "<h2>Verification</h2>");
    line(out, &format!("<p><span class=\"badge {class}\">{text}</span></p>"));
    let keys = if keys_given {
        "Signatures were checked with keys that were given."
    } else {
        "No keys were given: the record was checked with the keys that it names itself, which \
         proves only that it agrees with itself."
    };
    line(out, &format!("<p>{keys}</p><ul>"));
    for chain in &report.seals {
        let name = escape(&chain.chain.to_string());
        let text = match (chain.here, chain.covered) {
            (false, _) => "is not in this record".to_owned(),
            (true, 0) => "could be compared with no checkpoint".to_owned(),
            (true, covered) => format!("is proven up to event {covered}"),
        };
        line(out, &format!("<li>Chain <code>{name}</code> {text}.</li>"));
    }
    for why in &report.unverified {
        line(out, &format!("<li class=\"warn\">Not verified: {}</li>", escape(why)));
    }
    for finding in report.findings.iter().take(100) {
        let class = match finding.severity() {
            Severity::Tampering => "bad",
            Severity::Warning => "warn",
            Severity::State => "",
        };
        line(out, &format!("<li class=\"{class}\">{}</li>", escape(&finding.to_string())));
    }
    line(out, "</ul>");
}

fn sessions(out: &mut String, gathered: &Gathered) {
    line(out, &format!("<h2>Sessions ({})</h2>", gathered.sessions.len()));
    if gathered.left_out > 0 {
        line(out, &format!("<p class=\"warn\">{} more are left out.</p>", gathered.left_out));
    }
    line(out, "<table><tr><th>Session<th>Person<th>Target<th>Opened<th>Closed<th>Why</tr>");
    for row in gathered.sessions.values() {
        let closed = row.closed.map(|at| at.to_string()).unwrap_or_default();
        let cells = [
            row.id.as_str().to_owned(),
            row.person.to_string(),
            format!("{}@{}", row.login, row.target),
            row.opened.to_string(),
            closed,
            row.reason.clone().unwrap_or_else(|| "no end is recorded".to_owned()),
        ];
        line(out, &row_of(&cells));
    }
    line(out, "</table>");
}

fn commands(out: &mut String, commands: &[CommandRow]) {
    line(out, &format!("<h2>Commands ({})</h2>", commands.len()));
    line(
        out,
        "<table><tr><th>Event<th>When<th>Verdict<th>Rules<th>Command<th>Outcome<th>Proof</tr>",
    );
    for row in commands {
        let class = if row.verdict == "allow" { "good" } else { "bad" };
        let approved = row.approval.as_ref().map(|id| format!(" (approval {id})"));
        let verdict = format!("{}{}", row.verdict, approved.unwrap_or_default());
        let proof = row.proof.as_ref().map(|file| {
            let file = escape(file);
            format!("<a href=\"{file}\">proof</a>")
        });
        let cells = [
            format!("<tr><td><code>{}</code>", escape(&row.id)),
            format!("<td>{}", escape(&row.at.to_string())),
            format!("<td class=\"{class}\">{}", escape(&verdict)),
            format!("<td>{}", escape(&row.rules.join(", "))),
            format!("<td class=\"text\">{}", escape(&row.text)),
            format!("<td>{}", escape(row.outcome.as_deref().unwrap_or("unknown"))),
            format!("<td>{}</tr>", proof.unwrap_or_else(|| "not yet covered".to_owned())),
        ];
        line(out, &cells.concat());
    }
    line(out, "</table>");
}

fn replays(out: &mut String, replays: &BTreeMap<SessionId, Replay>) {
    line(out, "<h2>Output, as it was recorded: masked</h2>");
    for (id, replay) in replays {
        let file = escape(&file_name(id.as_str()));
        let name = escape(id.as_str());
        line(out, &format!("<h3>{name} · <a href=\"replays/{file}.cast\">replay</a></h3>"));
        let mut shown = Vec::new();
        for frame in replay.frames.iter().filter(|frame| frame.stream == Stream::Output) {
            let room = SHOWN_LIMIT.saturating_sub(shown.len());
            shown.extend(frame.shown().into_iter().take(room));
        }
        let more = if shown.len() == SHOWN_LIMIT { "\n… the replay has the rest" } else { "" };
        let text = String::from_utf8_lossy(&shown);
        line(out, &format!("<pre>{}{more}</pre>", escape(&text)));
    }
}

fn row_of(cells: &[String]) -> String {
    let mut row = "<tr>".to_owned();
    for cell in cells {
        row.push_str("<td>");
        row.push_str(&escape(cell));
    }
    row.push_str("</tr>");
    row
}

/// Text as HTML shows it: nothing in it is markup, and control characters are pictures of
/// themselves.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            '\r' => {}
            '\u{0}'..='\u{1f}' => {
                escaped.push(char::from_u32(0x2400 + u32::from(letter)).unwrap_or('?'));
            }
            // Controls, and what turns the direction of text around.
            '\u{7f}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                escaped.push('\u{fffd}');
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}
