//! What is said, in the shape that the other side reads.

use consensus_state::{Approval, Asked};
use proto::entry::{ApprovalId, Ruling};
use proto::event::Kind;
use proto::ids::Name;
use proto::time::Utc;
use serde_json::{Value, json};

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// A program.
    Json,
    /// An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat).
    Slack,
    /// A workflow of Microsoft Teams: an adaptive card.
    Teams,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The cluster.
    pub(crate) cluster: Name,
    /// The event's id: the same when it is sent again, also by another leader.
    pub(crate) delivery: String,
    /// `requested`, `approved`, `denied`, `withdrawn`, `expired` or `revoked`.
    pub(crate) word: &'static str,
    /// The approval.
    pub(crate) id: ApprovalId,
    /// Who asks.
    pub(crate) person: String,
    /// The target and the login there; absent when a policy asks.
    pub(crate) target: Option<(Name, String)>,
    /// The rules that hold it.
    pub(crate) rules: Vec<String>,
    /// The masked text of the command.
    pub(crate) text: Option<String>,
    /// Who ruled, or took it back.
    pub(crate) by: Option<String>,
    /// When the request ends.
    pub(crate) expires: Utc,
}

/// Which approval an event is about, and what became of it; nothing when it is not told.
pub(super) fn about(kind: &Kind) -> Option<(ApprovalId, &'static str)> {
    Some(match kind {
        Kind::ApprovalRequested(event) => (event.approval, "requested"),
        Kind::ApprovalRuled(event) if event.ruling == Ruling::Deny => (event.approval, "denied"),
        // The first of two who must agree is no outcome.
        Kind::ApprovalRuled(event) if event.satisfied => (event.approval, "approved"),
        Kind::ApprovalWithdrawn(event) => (event.approval, "withdrawn"),
        Kind::ApprovalExpired(event) => (event.approval, "expired"),
        Kind::ApprovalRevoked(event) => (event.approval, "revoked"),
        _ => return None,
    })
}

/// Whose word it was.
pub(super) fn by(kind: &Kind) -> Option<String> {
    match kind {
        Kind::ApprovalRuled(event) => Some(event.person.to_string()),
        Kind::ApprovalRevoked(event) => Some(event.by.clone()),
        _ => None,
    }
}

impl Notice {
    pub(super) fn new(
        cluster: &Name,
        delivery: String,
        word: &'static str,
        approval: &Approval,
        by: Option<String>,
    ) -> Self {
        let (person, target, rules, text) = match &approval.asked {
            Asked::Command(request) => (
                request.person.to_string(),
                Some((request.target.clone(), request.login.clone())),
                request.rules.iter().map(|rule| rule.rule.clone()).collect(),
                Some(request.text.clone()),
            ),
            Asked::Policy(proposal) => (proposal.setting.by.to_string(), None, Vec::new(), None),
        };
        let (id, expires) = (approval.id, approval.expires);
        let cluster = cluster.clone();
        Self { cluster, delivery, word, id, person, target, rules, text, by, expires }
    }

    /// The body for whoever reads it; the command's text only when that is asked for.
    pub(super) fn body(&self, kind: HookKind, link: &str, with_text: bool) -> Value {
        let text = self.text.as_deref().filter(|_| with_text);
        match kind {
            HookKind::Json => self.json(link, text),
            HookKind::Slack => json!({ "text": self.slack(link, text) }),
            HookKind::Teams => self.teams(link, text),
        }
    }

    fn json(&self, link: &str, text: Option<&str>) -> Value {
        let mut body = json!({
            "version": 1,
            "event": format!("approval.{}", self.word),
            "cluster": self.cluster,
            "id": self.id,
            "person": self.person,
            "rules": self.rules,
            "expires": self.expires,
            "link": link,
        });
        if let Some((target, login)) = &self.target {
            body["target"] = json!(target);
            body["login"] = json!(login);
        }
        if let Some(by) = &self.by {
            body["by"] = json!(by);
        }
        if let Some(text) = text {
            body["text"] = json!(text);
        }
        body
    }

    /// What it is about, in words.
    fn subject(&self) -> String {
        match &self.target {
            Some((target, login)) => format!("a command for {login}@{target}"),
            None => "a policy".to_owned(),
        }
    }

    fn headline(&self) -> String {
        let (id, person, subject) = (self.id, &self.person, self.subject());
        match (self.word, &self.by) {
            ("requested", _) => format!("Approval {id}: {person} asks for {subject}"),
            (word, Some(by)) => {
                format!("Approval {id} {word} by {by}: {subject} that {person} asked for")
            }
            (word, None) => format!("Approval {id} {word}: {subject} that {person} asked for"),
        }
    }

    fn how(&self) -> String {
        format!("sallyport approvals approve {} --reason …", self.id)
    }

    fn slack(&self, link: &str, text: Option<&str>) -> String {
        let mut lines = vec![format!("*{}*", slack(&self.headline()))];
        if !self.rules.is_empty() {
            lines.push(format!("Rules: {}", slack(&self.rules.join(", "))));
        }
        if let Some(text) = text {
            // A fence that the text closes itself would let the rest of it format the message.
            lines.push(format!("```{}```", slack(text).replace("```", "` ` `")));
        }
        if self.word == "requested" {
            lines.push(format!("Until {}: `{}`", self.expires, self.how()));
        }
        lines.push(format!("<{link}|{} in {}>", self.id, slack(self.cluster.as_str())));
        lines.join("\n")
    }

    fn teams(&self, link: &str, text: Option<&str>) -> Value {
        let mut facts = vec![json!({ "title": "Cluster", "value": plain(self.cluster.as_str()) })];
        if !self.rules.is_empty() {
            facts.push(json!({ "title": "Rules", "value": plain(&self.rules.join(", ")) }));
        }
        if self.word == "requested" {
            facts.push(json!({ "title": "Until", "value": self.expires.to_string() }));
            facts.push(json!({ "title": "How", "value": plain(&self.how()) }));
        }
        let mut blocks = vec![
            json!({
                "type": "TextBlock",
                "text": plain(&self.headline()),
                "weight": "Bolder",
                "wrap": true,
            }),
            json!({ "type": "FactSet", "facts": facts }),
        ];
        if let Some(text) = text {
            blocks.push(json!({
                "type": "TextBlock",
                "text": plain(text),
                "fontType": "Monospace",
                "wrap": true,
            }));
        }
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": blocks,
                    "actions": [{ "type": "Action.OpenUrl", "title": "Open", "url": link }],
                },
            }],
        })
    }
}

/// Text that cannot mention anybody, nor be a link (Slack: "Escaping text").
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text whose Markdown means nothing.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\`*_[]()#~<>".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
