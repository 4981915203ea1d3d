//! What the command line and a start say when something is wrong: exit status and code.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use anyhow::Result;
use chaos_tests::live::{SHORT, Scene, run, sallyport};

/// A node of another cluster, which never runs.
const OTHER: &str = "name: gw-1\ndata: other\nlisten: { ssh: 127.0.0.1:1, api: 127.0.0.1:2, \
                     cluster: 127.0.0.1:3 }\nevents: { stream: none }\n";

/// Runs `sallyport` with variables of the scene's gateway replaced, and looks what it says.
#[track_caller]
fn check(scene: &Scene, changed: &[(&str, &str)], arguments: &[&str], status: i32, code: &str) {
    let ready = &scene.node.ready;
    let token = fs::read_to_string(scene.path("data").join("admin.token")).expect("a token");
    let mut command = Command::new(sallyport().expect("a program"));
    command.args(arguments).env("SALLYPORT_URL", &ready.api).env("SALLYPORT_CA", &ready.ca);
    command.env("SALLYPORT_TOKEN", token.trim()).env("HOME", scene.path("data"));
    command.envs(changed.iter().copied());
    let said = run(&mut command, Vec::new(), SHORT).expect("it ends");
    let text = said.said();
    assert_eq!(said.status.code(), Some(status), "{arguments:?}: {text}{}", said.text());
    assert!(text.contains(code), "{arguments:?} says no {code}: {text}");
}

#[test]
fn errors_have_a_status_and_a_code() -> Result<()> {
    let scene = Scene::start()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = scene.path(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let nobody = [("SALLYPORT_URL", "https://127.0.0.1:1")];
    check(&scene, &nobody, &["sessions", "list"], 1, "SP-1507");
    check(&scene, &[("SALLYPORT_TOKEN", "made-up")], &["sessions", "list"], 1, "SP-1501");
    // The authority of another cluster does not vouch for this gateway.
    let other = file("other.yaml", OTHER)?;
    check(&scene, &[], &["cluster", "init", "--config", &other], 0, "");
    let authority = scene.path("other").join("ca.pem").display().to_string();
    check(&scene, &[("SALLYPORT_CA", &authority)], &["sessions", "list"], 1, "SP-1507");
    check(&scene, &[("SALLYPORT_CA", &authority)], &["whoami"], 1, "certificate");
    check(&scene, &[], &["sessions", "show", "gw-9-9-9"], 1, "SP-1503");
    check(&scene, &[], &["audit", "verify", "no-such-archive"], 3, "SP-1703");
    let bad = file("bad.yaml", "version: 1\nrules: 7\n")?;
    check(&scene, &[], &["policy", "check", &bad], 1, "SP-1601");
    check(&scene, &[], &["sessions"], 2, "");
    check(&scene, &[], &["sessions", "list", "--no-such"], 2, "--no-such");
    // A data directory that everybody can look into, an address that is taken.
    let open = scene.path("open");
    fs::create_dir(&open)?;
    fs::write(open.join("something"), "")?;
    let open = open.display().to_string();
    let free = ["--ssh", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    let start = |folder: &str| ["dev", "--dir", folder].map(str::to_owned).to_vec();
    let with = |folder: &str, more: &[&str]| -> Vec<String> {
        start(folder).into_iter().chain(more.iter().map(|text| (*text).to_owned())).collect()
    };
    let refused = |arguments: Vec<String>, code: &str| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        check(&scene, &[], &arguments, 1, code);
    };
    refused(with(&open, &free), "SP-1606");
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let fresh = scene.path("fresh").display().to_string();
    refused(with(&fresh, &["--ssh", &address, "--api", "127.0.0.1:0"]), "SP-1607");
    refused(with(&fresh, &["--policy", "no-such-policy.yaml"]), "SP-1601");
    check(&scene, &[("SALLYPORT_CA", "no-such.pem")], &["sessions", "list"], 1, "SP-1604");
    check(&scene, &[], &["ssh-config", "--ssh", "no address"], 1, "SP-1504");
    check(&scene, &[], &["dev", "--name", "not a name"], 2, "is not a name");
    Ok(())
}

#[test]
fn people_get_what_their_roles_permit_and_strangers_nothing() -> Result<()> {
    let scene = Scene::start()?;
    let key = |key: &chaos_tests::live::Key| key.file.display().to_string();
    let (alice, stranger) = (key(&scene.key), key(&scene.stranger));
    let login = ["login", "--print-token", "--ssh-key"];
    let token = scene.node.administer(&[&login[..], &[&alice]].concat())?;
    assert!(token.status.success(), "{}", token.said());
    let token = token.text();
    let as_alice = [("SALLYPORT_TOKEN", token.trim())];
    check(&scene, &as_alice, &["sessions", "list"], 0, "");
    check(&scene, &as_alice, &["people", "list"], 1, "SP-1502");
    assert_eq!(scene.events_of("admin.denied")?.len(), 1, "who asked is recorded");
    let guessing = [&login[..], &[&stranger]].concat();
    check(&scene, &[], &guessing, 1, "SP-1506");
    for _ in 0..20 {
        scene.node.administer(&guessing)?;
    }
    check(&scene, &[], &guessing, 1, "SP-1505");
    Ok(())
}

#[test]
fn cases_of_a_policy_are_tried() -> Result<()> {
    let scene = Scene::start()?;
    let policy = scene.path("policy.yaml").display().to_string();
    let login = &scene.target.login;
    let cases = |verdict: &str| -> Result<String> {
        let path = scene.path("cases.yaml");
        let text = format!(
            "cases:\n  - who: {{ name: alice, groups: [engineering] }}\n    \
             target: {{ name: web-1, kind: ssh, labels: {{ env: staging }} }}\n    \
             as: {login}\n    command: env\n    expect: {{ verdict: {verdict} }}\n"
        );
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    check(&scene, &[], &["policy", "test", &policy, &cases("block")?], 0, "");
    check(&scene, &[], &["policy", "test", &policy, &cases("allow")?], 1, "SP-1608");
    Ok(())
}
