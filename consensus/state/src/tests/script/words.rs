//! The commands of the scripts. WHO is `admin`, `node:NAME` or a person; a name of a key, token,
//! hash or digest stands for the SHA-256 of itself; times are in seconds.
//!
//!   create NODE · restore NODE key KEY · token NAME for TIME by WHO
//!   join NODE token NAME key KEY [supports VERSION]
//!   start NODE RAFT-ID from EPOCH nonce NONCE [supports VERSION]
//!   seen|lost|stopped NODE EPOCH · remove NODE by WHO · version VERSION
//!   secret NAME TEXT generation NUMBER by WHO · checkpoint NODE EPOCH SEQ HASH · published SEQ
//!   policy TEXT [expect REVISION] by WHO
//!   propose TEXT [expect REVISION] by WHO to NAME+NAME for TIME
//!   people NAME[:GROUP+GROUP] … [expect REVISION] by WHO
//!   targets NAME[:LOGIN] … [expect REVISION] by WHO
//!   open SESSION as PERSON to TARGET policy REVISION limit COUNT [from NODE EPOCH]
//!   close SESSION · tick
//!   ask SESSION COMMAND as PERSON to TARGET policy REVISION for TIME [covers TIME] [login LOGIN]
//!     RULE=COUNT:NAME+NAME …
//!   approve|deny APPROVAL by WHO
//!   use APPROVAL SESSION COMMAND policy REVISION [bytes TEXT] RULE …
//!   withdraw APPROVAL left|ended|lost|changed · revoke APPROVAL by WHO
//!   lock all|person:NAME|target:NAME|node:NAME [for TIME] by WHO · lift LOCK by WHO

use proto::entry::*;
use proto::ids::{Epoch, Name, SessionId};

use crate::tests::{addresses, by, name, names, person, setting, sha256, start, target};

/// The words of a command that come in pairs, e.g. `by alice`, taken out from behind the others.
struct Words<'a> {
    plain: Vec<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    const KEYS: [&'static str; 18] = [
        "as",
        "bytes",
        "by",
        "covers",
        "expect",
        "for",
        "from",
        "generation",
        "key",
        "limit",
        "login",
        "node",
        "nonce",
        "policy",
        "supports",
        "to",
        "token",
        "epoch",
    ];

    fn of(words: &[&'a str]) -> Self {
        let mut found = Self { plain: Vec::new(), pairs: Vec::new() };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if Self::KEYS.contains(&word) && !found.plain.is_empty() {
                found.pairs.push((word, words.next().expect("a word behind a key")));
            } else {
                found.plain.push(word);
            }
        }
        found
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(word, _)| *word == key).map(|(_, text)| *text)
    }

    fn need(&self, key: &str) -> &'a str {
        self.text(key).unwrap_or_else(|| panic!("`{key}` is missing in {:?}", self.plain))
    }

    fn number<N: std::str::FromStr<Err: std::fmt::Debug>>(&self, key: &str) -> Option<N> {
        self.text(key).map(|text| text.parse().expect("a number"))
    }

    fn ms(&self, key: &str) -> Option<u64> {
        self.number::<u64>(key).map(|seconds| seconds * 1_000)
    }

    fn by(&self) -> By {
        by(self.need("by"))
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn split(text: &str) -> Vec<Name> {
    names(&text.split('+').filter(|text| !text.is_empty()).collect::<Vec<_>>())
}

pub(super) fn entry(words: &[&str]) -> Entry {
    let words = Words::of(words);
    let plain = &words.plain[..];
    match plain[0] {
        "create" | "restore" | "token" | "join" | "start" | "seen" | "lost" | "stopped"
        | "remove" | "version" | "secret" | "checkpoint" | "published" | "tick" => {
            about_the_cluster(&words)
        }
        "policy" | "propose" | "people" | "targets" | "open" | "close" => {
            about_documents_and_sessions(&words)
        }
        _ => about_approvals_and_locks(&words),
    }
}

fn about_the_cluster(words: &Words<'_>) -> Entry {
    let in_epoch =
        |node: &str, epoch: &str| NodeEpoch { node: name(node), epoch: Epoch(number(epoch)) };
    match words.plain[..] {
        ["create", node] => super::super::creation(node),
        ["restore", node] => Entry::ClusterRestored(ClusterRestoration {
            founder: name(node),
            addresses: addresses(node),
            key: sha256(words.need("key")),
        }),
        ["token", token] => Entry::JoinTokenCreated(JoinToken {
            digest: sha256(token),
            lasts_ms: words.ms("for").expect("a time"),
            by: words.by(),
        }),
        ["join", node] => Entry::NodeJoined(NodeJoining {
            node: name(node),
            addresses: addresses(node),
            key: sha256(words.need("key")),
            token: sha256(words.need("token")),
            supports: words.number("supports").unwrap_or(1),
        }),
        ["start", node, raft_id] => {
            let from = number(words.need("from"));
            let mut start = start(node, number(raft_id), from, number(words.need("nonce")));
            start.supports = words.number("supports").unwrap_or(1);
            Entry::NodeStarted(start)
        }
        ["seen", node, epoch] => Entry::NodeSeen(in_epoch(node, epoch)),
        ["lost", node, epoch] => Entry::NodeLost(in_epoch(node, epoch)),
        ["stopped", node, epoch] => Entry::NodeStopped(in_epoch(node, epoch)),
        ["remove", node] => Entry::NodeRemoved(NodeRemoval { node: name(node), by: words.by() }),
        ["version", to] => Entry::VersionRaised(VersionRaise { to: to.parse().unwrap() }),
        ["secret", secret, text] => Entry::SecretSet(SecretSetting {
            name: name(secret),
            wrapped: text.as_bytes().to_vec(),
            generation: words.number("generation").expect("a generation"),
            by: words.by(),
        }),
        ["checkpoint", node, epoch, seq, hash] => Entry::CheckpointSealed(Checkpoint {
            node: name(node),
            epoch: Epoch(number(epoch)),
            seq: number(seq),
            hash: sha256(hash),
        }),
        ["published", seq] => Entry::ControlPublished(ControlPublication { seq: number(seq) }),
        ["tick"] => Entry::Tick(Passing { node: name("gw-1") }),
        ref other => panic!("not a command: {other:?}"),
    }
}

fn about_documents_and_sessions(words: &Words<'_>) -> Entry {
    let expected_revision = words.number("expect");
    match words.plain[..] {
        ["policy", text] => Entry::PolicySet(setting(text, expected_revision, words.need("by"))),
        ["propose", text] => Entry::PolicyProposed(PolicyProposal {
            setting: setting(text, expected_revision, words.need("by")),
            approvers: split(words.need("to")),
            expires_ms: words.ms("for").expect("a time"),
        }),
        ["people", ref people @ ..] => {
            let one = |text: &&str| {
                let (text, groups) = text.split_once(':').unwrap_or((text, ""));
                let groups: Vec<_> = groups.split('+').filter(|text| !text.is_empty()).collect();
                person(text, &groups)
            };
            let people = people.iter().map(one).collect();
            Entry::PeopleSet(PeopleSetting { people, expected_revision, by: words.by() })
        }
        ["targets", ref targets @ ..] => {
            let one = |text: &&str| {
                let (text, login) = text.split_once(':').unwrap_or((text, "deploy"));
                target(text, login)
            };
            let targets = targets.iter().map(one).collect();
            Entry::TargetsSet(TargetsSetting { targets, expected_revision, by: words.by() })
        }
        ["open", session, ref rest @ ..] => Entry::SessionOpen(opening(words, session, rest)),
        ["close", session] => super::super::close(&SessionId::from_text(session)),
        ref other => panic!("not a command: {other:?}"),
    }
}

/// The node and epoch that a session's id names.
fn place(session: &str) -> (Name, Epoch) {
    let (rest, _) = session.rsplit_once('-').expect("a session");
    let (node, epoch) = rest.rsplit_once('-').expect("a session");
    (name(node), Epoch(number(epoch)))
}

fn opening(words: &Words<'_>, session: &str, from: &[&str]) -> SessionOpening {
    let (mut node, mut epoch) = place(session);
    if let (Some(other), [of]) = (words.text("from"), from) {
        (node, epoch) = (name(other), Epoch(number(of)));
    }
    SessionOpening {
        node,
        epoch,
        session: SessionId::from_text(session),
        person: name(words.need("as")),
        target: name(words.need("to")),
        login: "deploy".to_owned(),
        policy_revision: number(words.need("policy")),
        per_person: words.number("limit").unwrap_or(20),
    }
}

/// A command, whose bytes are its number when nothing else is said.
fn command(words: &Words<'_>, session: &str, command: &str) -> CommandRef {
    let (node, epoch) = place(session);
    CommandRef {
        node,
        epoch,
        session: SessionId::from_text(session),
        command: number(command),
        digest: sha256(words.text("bytes").unwrap_or(command)),
    }
}

fn asked(words: &Words<'_>, session: &str, of: &str, rules: &[&str]) -> ApprovalRequest {
    let rule = |text: &&str| {
        let (rule, rest) = text.split_once('=').expect("RULE=COUNT:NAMES");
        let (count, approvers) = rest.split_once(':').expect("COUNT:NAMES");
        let count = count.parse().expect("a count");
        AskedRule { rule: rule.to_owned(), count, approvers: split(approvers) }
    };
    ApprovalRequest {
        command: command(words, session, of),
        person: name(words.need("as")),
        target: name(words.need("to")),
        login: words.text("login").unwrap_or("deploy").to_owned(),
        text: "reboot".to_owned(),
        incomplete: false,
        policy_revision: number(words.need("policy")),
        rules: rules.iter().map(rule).collect(),
        covered: words.ms("covers").map_or(Covered::Command, |for_ms| Covered::Session { for_ms }),
        expires_ms: words.ms("for").expect("a time"),
    }
}

fn about_approvals_and_locks(words: &Words<'_>) -> Entry {
    let reason = "because".to_owned();
    let id = |text: &str| ApprovalId(number(text));
    match words.plain[..] {
        ["ask", session, of, ref rules @ ..] => {
            Entry::ApprovalRequested(asked(words, session, of, rules))
        }
        [ruling @ ("approve" | "deny"), approval] => {
            let ruling = if ruling == "deny" { Ruling::Deny } else { Ruling::Approve };
            let (approval, by) = (id(approval), words.by());
            Entry::ApprovalRuled(ApprovalRuling { approval, by, ruling, reason })
        }
        ["use", approval, session, of, ref rules @ ..] => {
            Entry::ApprovalConsumed(ApprovalConsumption {
                approval: id(approval),
                command: command(words, session, of),
                policy_revision: number(words.need("policy")),
                rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            })
        }
        ["withdraw", approval, because] => {
            let because = match because {
                "left" => Withdrawn::ClientLeft,
                "ended" => Withdrawn::SessionEnded,
                "lost" => Withdrawn::NodeLost,
                _ => Withdrawn::PolicyChanged,
            };
            Entry::ApprovalWithdrawn(ApprovalWithdrawal { approval: id(approval), because })
        }
        ["revoke", approval] => {
            let (approval, by) = (id(approval), words.by());
            Entry::ApprovalRevoked(ApprovalRevocation { approval, by, reason })
        }
        ["lock", scope] => {
            let scope = match scope.split_once(':') {
                Some(("person", person)) => LockScope::Person(name(person)),
                Some(("target", target)) => LockScope::Target(name(target)),
                Some((_, node)) => LockScope::Node(name(node)),
                None => LockScope::All,
            };
            let (for_ms, by) = (words.ms("for"), words.by());
            Entry::LockSet(LockSetting { scope, for_ms, reason, by })
        }
        ["lift", lock] => Entry::LockLifted(LockLift { lock: id(lock), reason, by: words.by() }),
        ref other => panic!("not a command: {other:?}"),
    }
}
