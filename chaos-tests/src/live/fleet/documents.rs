//! People, targets and policy of a fleet.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::Fleet;
use super::config::POSTGRES_PORT;
use crate::invariants::history::Outcome;
use crate::live::keys::Key;
use crate::live::target::Target;
use crate::live::wire::Wire;

/// The target, by the name that the fleet knows.
pub(super) const TARGET: &str = "web-1";

/// People who ask for commands; the last one is also among those who approve.
pub const REQUESTERS: &[&str] = &["alice", "eve", "dora"];
/// People who approve; the last one also asks for commands.
pub const APPROVERS: &[&str] = &["bob", "carol", "dora"];
/// The person who changes policies and sets locks.
pub const EDITOR: &str = "ed";
/// A person who does nothing, and whom probes lock out.
pub const BYSTANDER: &str = "frank";

/// A program that everybody may run.
pub const ALLOWED: &str = "echo";
/// A program that nobody may run.
pub const BLOCKED: &str = "env";
/// A program that one other person must approve.
pub const HELD: &str = "printf";
/// A program that two other people must approve.
pub const HELD_BY_TWO: &str = "basename";
/// A program that is held, for [`EXPIRES`] only.
pub const HELD_SHORTLY: &str = "dirname";
/// How long a request of [`HELD_SHORTLY`] stands, in seconds.
pub const EXPIRES: u64 = 4;

/// The policy of a fleet. `LOGIN` stands for the login that exists on the target.
pub const POLICY: &str = r#"version: 1
sessions: { idle: 15m, max: 8h, per_person: 200 }
roles:
  - { name: auditors, who: { groups: [audit] }, may: [sessions, replay, export] }
  - name: operators
    who: { groups: [platform] }
    may: [sessions, kill, lock, targets, people, cluster]
  - { name: policy-editors, who: { groups: [security] }, may: [policy] }
grants:
  - name: everybody-here
    who: { groups: [engineering] }
    targets: { names: [web-1] }
    as: [LOGIN]
    channels: [exec]
rules:
  - name: no-dump-of-environment
    when: { shell: { programs: [env, printenv] } }
    then: block
  - name: second-pair-of-eyes
    when: { shell: { programs: [printf] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 1, expires: 5m }
  - name: two-more-pairs
    when: { shell: { programs: [basename] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 2, expires: 5m }
  - name: soon-over
    when: { shell: { programs: [dirname] } }
    then: hold
    approval: { by: { groups: [dba] }, count: 1, expires: 4s }
"#;

/// Everybody, by name.
pub(super) fn everybody() -> impl Iterator<Item = &'static str> {
    let twice = |person: &&str| !REQUESTERS.contains(person);
    let approvers = APPROVERS.iter().copied().filter(move |person| twice(person));
    REQUESTERS.iter().copied().chain(approvers).chain([EDITOR, BYSTANDER])
}

/// The people file; without some of them if that is wanted.
fn people(keys: &BTreeMap<String, Key>, without: &[&str]) -> String {
    let mut text = String::from("people:\n");
    for (person, key) in keys.iter().filter(|(person, _)| !without.contains(&person.as_str())) {
        let mut groups = Vec::new();
        let in_one = |list: &[&str]| list.contains(&person.as_str());
        groups.extend(in_one(REQUESTERS).then_some("engineering"));
        groups.extend(in_one(APPROVERS).then_some("dba"));
        if person == EDITOR {
            groups.extend(["security", "platform", "audit"]);
        }
        let (groups, public) = (groups.join(", "), &key.public);
        text +=
            &format!("  - {{ name: {person}, groups: [{groups}], ssh_keys: [\"{public}\"] }}\n");
    }
    text
}

fn targets(target: &Target) -> String {
    let (address, login, host_key) = (target.address(), &target.login, &target.host_key.public);
    let credential = target.credential.file.display();
    format!(
        "targets:\n  - name: {TARGET}\n    kind: ssh\n    address: {address}\n    \
         labels: {{ env: staging }}\n    host_keys: [\"{host_key}\"]\n    \
         credential: {{ private_key: {{ file: {credential} }} }}\n    as: [{login}]\n"
    )
}

impl Fleet {
    /// Puts a database among the targets that everybody may query, behind the fleet's own.
    ///
    /// # Errors
    /// When it has none, or a document is refused.
    pub fn serve_database(&self) -> Result<()> {
        let line = self.database(|database| database.for_people(&self.target.folder))?;
        self.apply("gw-1", "target", &format!("{}{line}", targets(&self.target)))?;
        let grant = "  - { name: queries, who: {}, targets: { names: [orders] }, as: [app], \
                     channels: [query] }\nrules:\n";
        let policy = self.policy("with a database").replacen("rules:\n", grant, 1);
        self.apply("gw-1", "policy", &policy).map(drop)
    }

    /// Somebody's connection to that database, through a node, by a credential of the cluster.
    ///
    /// # Errors
    /// When they are not let in.
    pub fn wire(&self, person: &str, through: &str) -> Result<Wire> {
        let address = self.postgres_address(through);
        let (word, said) = self.ask(person, through, &["env", "orders", "--postgres", &address]);
        ensure!(word.outcome == Outcome::Done(()), "no credential: {said}");
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("export {name}='")));
            line.map(|line| line.trim_end_matches('\'').to_owned()).context("a variable")
        };
        let (user, password) = (value("PGUSER")?, value("PGPASSWORD")?);
        self.outside().inside(|| Wire::connect(&address, &user, "orders", &password))
    }

    /// Where a node serves databases.
    #[must_use]
    pub fn postgres_address(&self, node: &str) -> String {
        format!("{}:{POSTGRES_PORT}", self.gateway(node).address())
    }

    /// The usual policy, with a remark that makes it a document of its own.
    #[must_use]
    pub fn policy(&self, remark: &str) -> String {
        format!("{}# {remark}\n", POLICY.replace("LOGIN", &self.target.login))
    }

    /// Puts people, targets and policy in force, through the first node.
    pub(super) fn apply_documents(&self) -> Result<()> {
        let (policy, targets) = (self.policy("as it begins"), targets(&self.target));
        for (noun, text) in
            [("people", people(&self.keys, &[])), ("target", targets), ("policy", policy)]
        {
            self.apply("gw-1", noun, &text)?;
        }
        Ok(())
    }

    /// Applies a document (`people`, `target` or `policy`) as the administrator, through a node.
    ///
    /// # Errors
    /// When it is refused.
    pub fn apply(&self, through: &str, noun: &str, text: &str) -> Result<String> {
        let file = self.document(noun, text)?;
        let path = file.to_str().context("a temporary folder's name is text")?;
        self.administer(through, &[noun, "apply", "-f", path, "--output", "json"])
    }

    /// The people file without some of them.
    #[must_use]
    pub fn people_without(&self, gone: &[&str]) -> String {
        people(&self.keys, gone)
    }

    /// Writes a document into a file of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn document(&self, noun: &str, text: &str) -> Result<PathBuf> {
        let file = self.path(&format!("{noun}-{}.yaml", crate::live::marker()));
        fs::write(&file, text)?;
        Ok(file)
    }
}
