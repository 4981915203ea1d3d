//! PostgreSQL's own programs: `psql`, `pg_dump`, `pg_restore`, `pgbench`.

use anyhow::{Context as _, Result, ensure};

use super::scene::{DATABASE, Scene, Way};

const TABLES: &str = "
create schema s;
create type s.mood as enum ('sad', 'ok');
create table s.people(id serial primary key, name text not null, mood s.mood, tags text[],
    born date check (born > '1800-01-01'), raw bytea);
create index on s.people(name);
create view s.names as select name from s.people;
create function s.twice(int) returns int language sql as 'select 2 * $1';
insert into s.people(name, mood, tags, born, raw)
    select 'name ' || n, 'ok', array['a', null, n::text], '2000-01-01'::date + n, '\\x00ff'
    from generate_series(1, 500) n;
comment on table s.people is 'with a comment';
grant select on s.names to public;
";

#[test]
fn the_meta_commands_of_psql_say_the_same() -> Result<()> {
    let scene = Scene::start()?;
    scene.said(Way::Direct, "psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1"], TABLES)?;
    let lists = "\\d\n\\d s.*\n\\d+ s.people\n\\dt s.*\n\\di s.*\n\\dv+ s.*\n\\ds s.*\n\\df s.*\n\
                 \\dT s.*\n\\dn+\n\\du\n\\dp s.*\n\\dd\n\\dx\n\\dc\n\\dC\n\\dD\n\\ddp\n\\des\n\\dF\n\\dg\n\
                 \\dL\n\\do\n\\dO\n\\dP\n\\drds\n\\dRp\n\\dy\n\\l\n\\sf s.twice\n\\sv s.names\n\\z s.*\n\
                 \\encoding\n";
    let statements = "select * from s.people order by id limit 3 \\gx\nselect 1/0;\nselect 1;\n\
                      \\copy (select id from s.people limit 2) to stdout\n";
    let asked = format!("{lists}{statements}");
    let [direct, through] =
        [Way::Direct, Way::Through].map(|way| scene.said(way, "psql", &["-X", "-f", "-"], &asked));
    assert_eq!(through?, direct?);
    Ok(())
}

#[test]
fn what_is_dumped_is_restored() -> Result<()> {
    let scene = Scene::start()?;
    scene.said(Way::Direct, "psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1"], TABLES)?;
    let direct = dump(&scene, Way::Direct, DATABASE)?;
    assert!(direct.contains("COPY s.people"), "{direct}");
    assert_eq!(dump(&scene, Way::Through, DATABASE)?, direct);
    scene.postgres.sql("postgres", "postgres", "create database copied template template0")?;
    let file = scene.path().join("dump");
    let file = file.to_str().context("a temporary folder's name is text")?;
    scene.said(Way::Through, "pg_dump", &["-Fc", "-f", file], "")?;
    let other = format!("{DATABASE}/copied");
    scene.said(Way::Through, "pg_restore", &["-e", "-d", &other, file], "")?;
    assert_eq!(dump(&scene, Way::Direct, "copied")?, direct);
    Ok(())
}

/// A dump as text, without what is drawn by lot each time.
fn dump(scene: &Scene, way: Way, database: &str) -> Result<String> {
    let text = scene.said(way, "pg_dump", &["-d", database], "")?;
    let random = |line: &&str| line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
    Ok(text.lines().filter(|line| !random(line)).collect::<Vec<_>>().join("\n"))
}

/// Every protocol does transactions, each as many as it is asked for.
#[test]
fn pgbench_does_what_it_is_asked() -> Result<()> {
    let scene = Scene::start()?;
    scene.said(Way::Through, "pgbench", &["-i", "-q", "-s", "1"], "")?;
    for mode in ["simple", "extended", "prepared"] {
        for script in ["tpcb-like", "select-only"] {
            let asked = ["-n", "-c", "4", "-j", "2", "-t", "25", "-M", mode, "-b", script];
            let said = scene.said(Way::Through, "pgbench", &asked, "")?;
            let processed = "number of transactions actually processed: 100/100";
            ensure!(said.contains(processed), "{mode} {script}: {said}");
        }
    }
    let pipeline = scene.path().join("pipeline.sql");
    let text = "\\startpipeline\nselect 1;\nselect abalance from pgbench_accounts where aid = 1;\n\
                update pgbench_tellers set tbalance = 1 where tid = 1;\n\\endpipeline\n";
    std::fs::write(&pipeline, text)?;
    let file = pipeline.to_str().context("a temporary folder's name is text")?;
    for mode in ["extended", "prepared"] {
        let asked = ["-n", "-c", "4", "-t", "25", "-M", mode, "-f", file];
        let said = scene.said(Way::Through, "pgbench", &asked, "")?;
        ensure!(said.contains("actually processed: 100/100"), "pipeline {mode}: {said}");
    }
    let history =
        scene.postgres.sql("postgres", DATABASE, "select count(*) from pgbench_history")?;
    assert_eq!(history, "300", "three runs of a hundred");
    Ok(())
}
