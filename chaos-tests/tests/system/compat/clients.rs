//! Libraries of SSH and Ansible, which are not OpenSSH and must not see that a gateway is there
//! either: each suite in `compat/ssh/` says the same straight to a server and through a gateway. And
//! what `ssh-audit` has to say about that gateway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{LONG, SHORT, Scene, run};
use node_ssh::KeyExchange;
use tokio::task::spawn_blocking;

use super::scene::Way;
use crate::within::{self, Choice};

const POLICY: &str = "version: 1
sessions: { per_person: 60 }
grants:
  - { name: all, who: {}, targets: {}, as: [LOGIN], channels: [exec, shell, sftp] }
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/ssh")
}

/// A program of Python, with what `make compat` installed.
fn python(arguments: &[&str]) -> Result<Command> {
    let libraries = std::env::var_os("SALLYPORT_COMPAT_PYTHON");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", libraries.context("SALLYPORT_COMPAT_PYTHON says where they are")?);
    python.env("PYTHONDONTWRITEBYTECODE", "1").env("LC_ALL", "C.UTF-8").args(arguments);
    Ok(python)
}

/// Where a way begins: port, user, key and known host keys.
struct Place {
    port: String,
    user: String,
    key: PathBuf,
    known_hosts: PathBuf,
}

fn place(scene: &Scene, way: Way) -> Result<Place> {
    let target = &scene.target;
    if way == Way::Direct {
        let known_hosts = scene.path("known_targets");
        fs::write(
            &known_hosts,
            format!("[127.0.0.1]:{} {}\n", target.port, target.host_key.public),
        )?;
        let (port, user) = (target.port.to_string(), target.login.clone());
        return Ok(Place { port, user, key: target.credential.file.clone(), known_hosts });
    }
    let (_, port) = scene.node.ready.ssh.rsplit_once(':').context("an address has a port")?;
    let (port, user) = (port.to_owned(), format!("{}@web-1", target.login));
    Ok(Place { port, user, key: scene.key.file.clone(), known_hosts: scene.path("known_hosts") })
}

/// A folder on the target, new for each way.
fn on_target(scene: &Scene, way: Way, name: &str) -> Result<PathBuf> {
    let folder = scene.target.folder.join(format!("{name}-{way:?}"));
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn said(command: &mut Command) -> Result<String> {
    let ended = run(command, Vec::new(), LONG * 2)?;
    ensure!(ended.status.success(), "{command:?}: {}{}", ended.text(), ended.said());
    Ok(ended.text())
}

/// A bare repository with one commit.
fn repository(at: &Path) -> Result<()> {
    let tree = at.with_extension("tree");
    let git = |folder: &Path, arguments: &[&str]| {
        let mut git = Command::new("git");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(folder);
        git.args(["-c", "user.name=x", "-c", "user.email=x@example.com"]).args(arguments);
        said(&mut git)
    };
    fs::create_dir(&tree)?;
    git(&tree, &["init", "-q", "-b", "main"])?;
    git(&tree, &["commit", "-q", "--allow-empty", "-m", "first"])?;
    git(&tree, &["clone", "-q", "--bare", ".", &at.display().to_string()])?;
    Ok(())
}

fn suite(scene: &Scene, way: Way, library: &str) -> Result<String> {
    let place = place(scene, way)?;
    let there = on_target(scene, way, library)?;
    repository(&there.join("origin.git"))?;
    let file = folder().join("suite.py").display().to_string();
    let mut suite = python(&[&file, library])?;
    suite.env("SSH_HOST", "127.0.0.1").env("SSH_PORT", place.port).env("SSH_USER", place.user);
    suite.env("SSH_KEY", place.key).env("SSH_KNOWN_HOSTS", place.known_hosts);
    suite.env("SSH_FOLDER", there).env("SSH_FORWARD_TO", scene.target.port.to_string());
    let said = said(&mut suite).with_context(|| format!("{library}, {way:?}"))?;
    ensure!(said.ends_with("done\n"), "{library}, {way:?}: {said}");
    Ok(said)
}

#[test]
#[ignore = "it takes libraries that `make compat` installs"]
fn libraries_of_ssh_say_the_same() -> Result<()> {
    let mut scene = Scene::with_policy(POLICY)?;
    // Nobody is granted a forward here, so the server refuses them too.
    scene.target.restart_with("AllowTcpForwarding no")?;
    for library in ["paramiko", "asyncssh", "libssh2"] {
        let direct = suite(&scene, Way::Direct, library)?;
        let through = suite(&scene, Way::Through, library)?;
        assert_eq!(through, direct, "{library}");
        println!("{library}\n{through}");
    }
    let verified = scene.node.administer(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}{}", verified.text(), verified.said());
    Ok(())
}

fn play(scene: &Scene, way: Way) -> Result<String> {
    let place = place(scene, way)?;
    let there = on_target(scene, way, "ansible")?;
    let here = scene.path(&format!("ansible-{way:?}"));
    fs::create_dir(&here)?;
    let playbook = folder().join("playbook.yaml").display().to_string();
    let options = format!(
        "-F none -o GlobalKnownHostsFile=none -o UserKnownHostsFile={} -o IdentitiesOnly=yes",
        place.known_hosts.display()
    );
    let variables = serde_json::json!({
        "ansible_port": place.port,
        "ansible_user": place.user,
        "ansible_ssh_private_key_file": place.key,
        "ansible_ssh_common_args": options,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": there.join("tmp"),
        "folder": there,
        "here": here,
    });
    let variables = variables.to_string();
    let mut ansible =
        python(&["-m", "ansible", "playbook", "-i", "127.0.0.1,", "-e", &variables, &playbook])?;
    ansible.env("HOME", &here).env("ANSIBLE_HOME", here.join("ansible"));
    let nothing = here.join("ansible.cfg");
    fs::write(&nothing, "")?;
    ansible.env("ANSIBLE_CONFIG", nothing).env("ANSIBLE_NOCOLOR", "1");
    ansible.env_remove("SSH_AUTH_SOCK");
    said(&mut ansible).with_context(|| format!("{way:?}"))
}

#[test]
#[ignore = "it takes Ansible, which `make compat` installs"]
fn ansible_plays_the_same() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let direct = play(&scene, Way::Direct)?;
    let through = play(&scene, Way::Through)?;
    assert_eq!(through, direct);
    println!("{through}");
    Ok(())
}

/// What `ssh-audit` warns of, line by line, and worse.
fn warnings(port: u16) -> Result<String> {
    let port = port.to_string();
    let audit = &["-m", "ssh_audit.ssh_audit", "-n", "-b", "-l", "warn", "-p", &port, "127.0.0.1"];
    let ended = run(&mut python(audit)?, Vec::new(), SHORT)?;
    let text = ended.text();
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes ssh-audit, which `make compat` installs"]
async fn ssh_audit_says_what_is_expected() -> Result<()> {
    for (key_exchange, expected) in
        [(KeyExchange::Any, "audit-any.txt"), (KeyExchange::PostQuantum, "audit-post-quantum.txt")]
    {
        let within = within::start(Choice { key_exchange, ..Choice::default() }).await?;
        let port = within.port;
        let said = spawn_blocking(move || warnings(port)).await??;
        let expected = fs::read_to_string(folder().join(expected))?;
        assert_eq!(said, expected, "{key_exchange:?}");
    }
    Ok(())
}
