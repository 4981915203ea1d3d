//! Drivers as Debian, or npm, has them: each suite in `compat/` says the same on both ways.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::scene::{Scene, Way};

/// Debian's driver.
const JDBC: &str = "/usr/share/java/postgresql.jar";

#[test]
#[ignore = "it takes drivers that `make compat` installs"]
fn drivers_say_the_same() -> Result<()> {
    let scene = Scene::start()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat");
    let file = |name: &str| -> Result<String> {
        let file = folder.join(name);
        Ok(file.to_str().context("a folder's name is text")?.to_owned())
    };
    let python = "/usr/bin/python3";
    for (program, arguments) in [
        (python, vec![file("psycopg_suite.py")?]),
        (python, vec![file("asyncpg_suite.py")?]),
        ("node", vec![file("node_suite.js")?]),
        ("java", vec!["-cp".to_owned(), JDBC.to_owned(), file("JdbcSuite.java")?]),
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let direct = scene.said(Way::Direct, program, &arguments, "")?;
        assert!(direct.contains("done"), "{direct}");
        let through = scene.said(Way::Through, program, &arguments, "")?;
        assert_eq!(through, direct, "{arguments:?}");
    }
    Ok(())
}
