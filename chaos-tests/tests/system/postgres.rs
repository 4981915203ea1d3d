//! Databases through the gateway: the real `psql`, the real PostgreSQL, and a client of our own for
//! what no ordinary one would say. The database writes down what it is sent: nothing of what is
//! refused may stand there.

mod certificates;
mod columns;
mod held;
mod hostile;
mod late;
mod leaks;
mod limits;
mod names;
mod ordinary;
mod probes;
mod results;
mod shared;
mod tls;

use anyhow::Result;
use chaos_tests::live::DatabaseScene;

/// Alice and Bob may ask; nobody drops; whoever updates waits for Bob.
const POLICY: &str = r#"version: 1
defaults: { unreadable: allow }
grants:
  - { name: eng, who: { groups: [engineering, dba] }, targets: {}, as: [app], channels: [query, copy] }
rules:
  - name: no-drop
    when: { regex: '(?i)\bdrop\b' }
    then: block
    message: Nobody drops anything here.
  - name: updates
    when: { regex: '(?i)\bupdate customers\b' }
    then: hold
    approval: { by: { groups: [dba] } }
masks:
  - { name: people, when: {}, detect: [personal], with: { keep_last: 4 } }
"#;

const TABLES: &str = "create table customers(id int primary key, name text, email text, n bigint); \
    insert into customers values (1, 'Ann', 'ann@example.com', 7), (2, 'Bob', null, 8)";

fn scene() -> Result<DatabaseScene> {
    DatabaseScene::start(POLICY, TABLES)
}
