//! PostgreSQL's own regression suite, straight to the server and through the gateway. Tests whose
//! output differs are in `compat/differences.txt`, each with its reason; the list may only shrink.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::run;

use super::scene::{DATABASE, Scene, Way};

/// Where Debian puts the program that runs the suite.
const PG_REGRESS: &str = "/usr/lib/postgresql/15/lib/pgxs/src/test/regress/pg_regress";
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// How long the suite may take.
const DEADLINE: Duration = Duration::from_secs(1800);
/// The fewest tests that are a suite.
const TESTS: usize = 200;

#[test]
#[ignore = "it takes its source and half an hour: `make compat`"]
fn the_regression_suite_says_the_same() -> Result<()> {
    let direct = suite(Way::Direct)?;
    let through = suite(Way::Through)?;
    let names = |folder: &Path| -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder)? {
            // Files that a test writes are beside what it said.
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".out").map(str::to_owned));
        }
        Ok(names)
    };
    let expected = names(&direct.join("results"))?;
    ensure!(expected.len() >= TESTS, "only {} tests ran", expected.len());
    let mut differ = BTreeSet::new();
    for name in &expected {
        let file = format!("results/{name}.out");
        let result = |folder: &Path| fs::read(folder.join(&file)).ok();
        if result(&direct) != result(&through) {
            differ.insert(name.clone());
        }
    }
    let published = include_str!("../../../compat/differences.txt");
    let published: BTreeSet<_> = published
        .lines()
        .filter_map(|line| line.split_once(": ").filter(|_| !line.starts_with('#')))
        .map(|(name, _)| name.to_owned())
        .collect();
    eprintln!("{} tests, {} differ: {differ:?}", expected.len(), differ.len());
    let kept = format!("results are in {} and {}", direct.display(), through.display());
    assert_eq!(differ, published, "{kept}");
    Ok(())
}

/// Runs it, and gives the folder of what it said.
fn suite(way: Way) -> Result<PathBuf> {
    let scene = Scene::start()?;
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from).context(name.to_owned());
    let source = given("SALLYPORT_COMPAT_SOURCE")?.join("src/test/regress");
    let all = given("SALLYPORT_COMPAT_RESULTS")?;
    // Both ways have the same folder meanwhile: the suite names it in what it says.
    let (out, kept) = (all.join("run"), all.join(format!("{way:?}").to_lowercase()));
    for old in [&out, &kept] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(out.join("results"))?;
    // The server, which is somebody else, writes there too.
    fs::set_permissions(out.join("results"), fs::Permissions::from_mode(0o777))?;
    for setting in ["lc_messages", "lc_monetary", "lc_numeric", "lc_time"] {
        settle(&scene, setting, "'C'")?;
    }
    settle(&scene, "bytea_output", "'hex'")?;
    settle(&scene, "timezone_abbreviations", "'Default'")?;
    // The suite says this by `options` at the start of a session, which the gateway refuses.
    settle(&scene, "intervalstyle", "'postgres_verbose'")?;
    let mut command = scene.command(way, PG_REGRESS)?;
    command.arg("--use-existing").arg("--max-connections=8");
    command.arg(format!("--dbname={DATABASE}")).arg(format!("--bindir={PROGRAMS}"));
    command.arg("--host=127.0.0.1").arg(format!("--port={}", scene.port(way)?));
    command.arg("--user=postgres").arg("--launcher=env -u PGOPTIONS");
    command.arg("--inputdir").arg(&source).arg("--outputdir").arg(&out);
    command.arg("--dlpath").arg(given("SALLYPORT_COMPAT_LIBRARIES")?);
    command.arg("--schedule").arg(source.join("parallel_schedule"));
    let ended = run(&mut command, Vec::new(), DEADLINE)?;
    let said = format!("{}{}", ended.text(), ended.said());
    fs::write(out.join("said"), &said)?;
    fs::rename(out, &kept)?;
    Ok(kept)
}

fn settle(scene: &Scene, setting: &str, value: &str) -> Result<()> {
    let sql = format!("alter database {DATABASE} set {setting} to {value}");
    scene.postgres.sql("postgres", "postgres", &sql).map(drop)
}
