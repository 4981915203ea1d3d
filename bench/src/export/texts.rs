//! What people ask for: commands that come again and again, and some that nobody asked for before.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use node_enforce::decide::{Decision, Facts, decide, read_command};
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::event::{Actor, TargetAsWas};
use proto::reading::{Channel, Reading};
use proto::time::{Moment, Utc};

/// What comes again and again.
const USUAL: &[&str] = &[
    "uptime",
    "df -h /srv",
    "systemctl status app --no-pager",
    "journalctl -u app -n 200 --no-pager",
    "cd /srv/app && git pull --ff-only && systemctl restart app",
    "kubectl -n shop get pods -o wide",
    "tail -n 500 /var/log/app/current.log | grep -c ERROR",
    "docker ps --format '{{.Names}} {{.Status}}'",
    "ls -la /srv/app/releases | tail -n 5",
    "cat /proc/loadavg",
    "psql -h db-1 -c 'select count(*) from orders' shop",
    "curl -fsS http://127.0.0.1:8080/health",
    "for f in $(ls /var/log/app/*.log); do gzip -c \"$f\" | wc -c; done",
    "rm -rf /srv/app/cache",
    "sudo -u app printenv",
    "ps aux --sort=-%cpu | head -n 15",
];

/// A policy, and what it says of each text.
pub(super) struct Texts {
    policy: Policy,
    new_in_ten: u64,
    read: HashMap<String, Reading>,
}

impl Texts {
    pub(super) fn new(policy: Policy, new_in_ten: u64) -> Self {
        Self { policy, new_in_ten, read: HashMap::new() }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The text of the so-many-th command.
    pub(super) fn text(&self, count: u64) -> String {
        // Spread evenly, and not in step with the usual ones.
        if count * self.new_in_ten / 10 == (count - 1) * self.new_in_ten / 10 {
            let at = usize::try_from(count * 7 % 16).unwrap_or(0);
            return USUAL[at].to_owned();
        }
        let (minute, hour) = (count % 60, count / 60 % 24);
        match count % 3 {
            0 => format!(
                "journalctl -u app --since '2026-11-29 {hour:02}:{minute:02}' | grep -F \
                 'order={count}' | head -n 20"
            ),
            1 => format!("kubectl -n shop logs orders-7d9f-{count} --tail=500"),
            _ => format!(
                "cp /srv/releases/{count}.tar.gz /tmp/ && tar -xzf /tmp/{count}.tar.gz -C /srv/app"
            ),
        }
    }

    /// What is read in a text, and what is decided.
    pub(super) fn judge(
        &mut self,
        text: &str,
        actor: &Actor,
        target: &TargetAsWas,
    ) -> Result<(Reading, Decision)> {
        let moment = Moment { utc: Utc(0), offset_minutes: 60, elapsed: Duration::ZERO };
        let facts = Facts {
            who: Who::new(actor.person.as_str(), &actor.groups),
            target: TargetFacts {
                name: target.name.as_str(),
                kind: target.kind,
                labels: &target.labels,
            },
            login: &target.login,
            channel: Channel::Exec,
            moment: &moment,
            reading: None,
        };
        let reading = match self.read.get(text) {
            Some(reading) => reading.clone(),
            None => {
                let reading = read_command(&self.policy, &facts, text.as_bytes());
                if USUAL.contains(&text) {
                    self.read.insert(text.to_owned(), reading.clone());
                }
                reading
            }
        };
        let decision = decide(&self.policy, &Facts { reading: Some(&reading), ..facts });
        Ok((reading, decision))
    }
}
