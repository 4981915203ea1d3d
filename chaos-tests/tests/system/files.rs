//! Files, with OpenSSH's own clients and server: sftp, scp of both kinds, rsync. What is copied is
//! what was there, what policy blocks does not happen, and the record says what did.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{Key, LONG, Process, Reaped, SHORT, Scene, Talk, marker, run, until};
use ring::digest::{SHA256, digest};
use serde_json::Value;

const POLICY: &str = r#"version: 1
roles:
  - { name: auditors, who: { users: [alice] }, may: [sessions, replay, export] }
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec, sftp] }
rules:
  - { name: not-there, when: { files: { paths: ["**/blocked/**"] } }, then: block, message: Not that folder. }
  - { name: nothing-goes, when: { files: { paths: ["**/kept/*"], operations: [remove] } }, then: block }
  - { name: pair, when: { files: { paths: ["**/held/*"], operations: [write] } }, then: hold, approval: { by: { groups: [dba] } } }
"#;

/// As many bytes as take several packets, and are no text.
const BYTES: usize = 1_500_000;
const ADDRESS: &str = "127.0.0.1";

/// A scene with folders on the target.
fn scene() -> Result<Scene> {
    scene_with(POLICY)
}

fn scene_with(policy: &str) -> Result<Scene> {
    let scene = Scene::with_policy(policy)?;
    for folder in ["there", "there/blocked", "there/kept", "there/held", "here"] {
        fs::create_dir(scene.path(folder))?;
    }
    let content: Vec<u8> = (0..BYTES).map(|at| (at * 7 + at / 253 + at / 65_537) as u8).collect();
    fs::write(scene.path("here/file"), &content)?;
    fs::write(scene.path("there/blocked/file"), "nobody gets this")?;
    fs::write(scene.path("there/kept/file"), "this stays")?;
    Ok(scene)
}

/// Runs a batch of sftp.
fn batch(scene: &Scene, lines: &str) -> Result<Reaped> {
    let mut sftp = scene.ssh().copier("sftp");
    let here = scene.path("here");
    sftp.current_dir(here).args(["-b", "-", ADDRESS]);
    run(&mut sftp, lines.as_bytes().to_vec(), LONG)
}

fn scp(scene: &Scene, options: &[&str], from: &str, to: &str) -> Result<Reaped> {
    let mut scp = scene.ssh().copier("scp");
    run(scp.args(options).args([from, to]), Vec::new(), LONG)
}

fn there(scene: &Scene, name: &str) -> String {
    format!("{ADDRESS}:{}", scene.path("there").join(name).display())
}

fn sha(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// All that was judged of files: in words without the scene's own folder, and what became of it.
fn judged(scene: &Scene) -> Result<Vec<(String, String)>> {
    let folder = format!("{}/", scene.path("").display().to_string().trim_end_matches('/'));
    let word = |value: &Value| value.as_str().unwrap_or_default().replace(&folder, "");
    let judged = scene.events_of("command.judged")?;
    Ok(judged.iter().map(|data| (word(&data["text"]), word(&data["verdict"]))).collect())
}

#[track_caller]
fn succeeds(ended: &Reaped) {
    assert!(ended.status.success(), "{}{}", ended.text(), ended.said());
}

#[test]
fn sftp_copies_and_is_judged_file_by_file() -> Result<()> {
    let scene = scene()?;
    let at = scene.path("there").display().to_string();
    let ended = batch(
        &scene,
        &format!(
            "cd {at}\nput file copy\nget copy back\nmkdir new\nrename copy new/copy\n\
             chmod 640 new/copy\nsymlink copy new/link\nls -l new\nrm new/link\nrm new/copy\n\
             rmdir new\n"
        ),
    )?;
    succeeds(&ended);
    let listed = ended.text();
    assert!(listed.contains("copy") && listed.contains("link"), "{listed}");
    let content = sha(&scene.path("here/file"))?;
    assert_eq!(sha(&scene.path("here/back"))?, content);
    assert!(!scene.path("there/new").exists());
    let asked: Vec<_> = judged(&scene)?.into_iter().map(|(text, _)| text).collect();
    let expected = [
        "# a file transfer",
        "write there/copy",
        "read there/copy",
        "mkdir there/new",
        "posix-rename there/copy -> there/new/copy",
        "setstat permissions=0640 there/new/copy",
        "symlink there/new/copy -> there/new/link",
        "list there/new",
        "remove there/new/link",
        "remove there/new/copy",
        "rmdir there/new",
    ];
    assert_eq!(asked, expected);
    let finished = scene.events_of("command.finished")?;
    assert!(finished.iter().all(|data| data["outcome"]["exited"] == 0), "{finished:?}");
    assert_eq!(finished.len(), expected.len());
    // What passed is in the record, whole and in order.
    let passed = scene.events_of("file.transferred")?;
    let [written, read] = &passed[..] else { panic!("{passed:?}") };
    assert_eq!(written["written"]["bytes"], BYTES);
    assert_eq!(written["written"]["sha256"], content.as_str());
    assert_eq!((&read["read"]["bytes"], &read["closed"]), (&BYTES.into(), &true.into()));
    assert_eq!(read["read"]["sha256"], content.as_str());
    let id = scene.events_of("session.opened")?[0]["session"].as_str().context("an id")?.to_owned();
    let replay = scene.node.administer(&["sessions", "replay", &id, "--no-wait"])?;
    let shown = replay.text();
    assert!(shown.contains(&format!("({BYTES} bytes read, SHA-256 {content})")), "{shown}");
    assert!(shown.contains(&format!("=> rmdir {at}/new\n")), "{shown}");
    for how in ["verify", "rederive"] {
        let checked = scene.node.administer(&["audit", how])?;
        assert!(checked.status.success(), "{how}: {}{}", checked.text(), checked.said());
    }
    Ok(())
}

/// One blocked request does not end a session, and nothing of it reaches the target.
#[test]
fn what_is_blocked_does_not_happen_and_the_rest_does() -> Result<()> {
    let scene = scene()?;
    let at = scene.path("there").display().to_string();
    let ended = batch(
        &scene,
        &format!(
            "-get {at}/blocked/file stolen\n-put file {at}/blocked/new\n\
             -get {at}/kept/../blocked/file stolen\n-rm {at}/kept/file\n\
             -symlink {at}/blocked/file {at}/link\n-rename {at}/blocked/file {at}/moved\n\
             -ln {at}/blocked/file {at}/hard\n-ls {at}/blocked/file\nput file {at}/fine\n"
        ),
    )?;
    succeeds(&ended);
    assert!(ended.said().contains("sallyport: SP-1201: Not that folder."), "{}", ended.said());
    assert_eq!(sha(&scene.path("there/fine"))?, sha(&scene.path("here/file"))?);
    for absent in ["here/stolen", "there/blocked/new", "there/link", "there/moved", "there/hard"] {
        assert!(fs::symlink_metadata(scene.path(absent)).is_err(), "{absent} is there");
    }
    assert!(scene.path("there/kept/file").exists());
    let blocked = judged(&scene)?.iter().filter(|(_, verdict)| verdict == "block").count();
    assert!(blocked >= 7, "{:?}", judged(&scene)?);
    // The same by scp, of either kind, and by rsync.
    let stolen = scene.path("here/stolen").display().to_string();
    for options in [&[][..], &["-O"], &["-r"], &["-O", "-r"]] {
        let ended = scp(&scene, options, &there(&scene, "blocked/file"), &stolen)?;
        assert!(!ended.status.success() && !Path::new(&stolen).exists(), "{options:?}");
        assert!(ended.said().contains("SP-120"), "{options:?}: {}", ended.said());
    }
    let ended = rsync(&scene, &there(&scene, "blocked/file"), &stolen)?;
    assert!(!ended.status.success(), "{}", ended.said());
    assert!(ended.said().contains("SP-1201"), "{}", ended.said());
    // A folder that holds what is blocked is not copied whole where nobody looks into it.
    let ended = rsync(&scene, &there(&scene, ""), &stolen)?;
    assert!(ended.said().contains("SP-1202"), "{}", ended.said());
    Ok(())
}

fn rsync(scene: &Scene, from: &str, to: &str) -> Result<Reaped> {
    let mut rsync = Command::new("rsync");
    rsync.args(["-r", "-e", &scene.ssh().line(), from, to]);
    run(&mut rsync, Vec::new(), LONG)
}

#[test]
fn scp_and_rsync_copy_both_ways() -> Result<()> {
    let policy = POLICY.replace("**/blocked/**", "/nowhere/**");
    let scene =
        Scene::with_policy(&policy.replace("**/kept/*", "/x/*").replace("**/held/*", "/y/*"))?;
    for folder in ["there", "here", "here/folder"] {
        fs::create_dir(scene.path(folder))?;
    }
    fs::write(scene.path("here/folder/file"), vec![0xa5; BYTES])?;
    let content = sha(&scene.path("here/folder/file"))?;
    let here = |name: &str| scene.path("here").join(name).display().to_string();
    for (at, options) in [&["-r"][..], &["-r", "-O"], &["-rp"]].iter().enumerate() {
        let name = format!("copy-{at}");
        succeeds(&scp(&scene, options, &here("folder"), &there(&scene, &name))?);
        assert_eq!(sha(&scene.path("there").join(&name).join("file"))?, content);
        succeeds(&scp(&scene, options, &there(&scene, &name), &here(&name))?);
        assert_eq!(sha(&scene.path("here").join(&name).join("file"))?, content);
    }
    succeeds(&rsync(&scene, &here("folder/"), &there(&scene, "synced/"))?);
    succeeds(&rsync(&scene, &there(&scene, "synced/"), &here("synced/"))?);
    assert_eq!(sha(&scene.path("here/synced/file"))?, content);
    // What old-style copies and rsync do is in the reading of their command.
    let judged = scene.events_of("command.judged")?;
    let of = |program: &str| {
        let named = |data: &&Value| data["reading"]["programs"][0]["name"] == program;
        let files = judged.iter().filter(named).map(|data| data["reading"]["files"][0].clone());
        files.map(|file| file["operation"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("scp"), ["\"write\"", "\"read\""]);
    assert_eq!(of("rsync"), ["\"write\"", "\"read\""]);
    Ok(())
}

/// What is no packet ends its own channel, with a reason, and nothing else of the connection.
#[test]
fn what_is_no_packet_ends_its_channel_only() -> Result<()> {
    let scene = scene()?;
    let client = scene.ssh().shared(&scene.path("master"));
    assert_eq!(client.run("echo before")?.text(), "before\n");
    let hello: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
    for (packet, code) in [
        (&[0xff, 0xff, 0xff, 0xff, 3][..], "SP-1010"),
        (&[0, 0, 0, 9, 17, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff], "SP-1011"),
        (&[0, 0, 0, 5, 1, 0, 0, 0, 3], "SP-1011"),
    ] {
        let mut ssh = client.with(&["-s"]).command(&["sftp"]);
        let ended = run(&mut ssh, [hello, packet].concat(), SHORT)?;
        assert_eq!(ended.status.code(), Some(126), "{code}: {}", ended.said());
        assert!(ended.said().contains(code), "{code}: {}", ended.said());
    }
    assert_eq!(client.run("echo after")?.text(), "after\n");
    client.end_shared()?;
    Ok(())
}

/// A client that says its last and its end at once still gets its answers.
#[test]
fn answers_come_behind_the_end_of_the_client() -> Result<()> {
    let scene = scene()?;
    let number = |number: usize| format!("\0\0\0{}", char::from(number as u8));
    let text = |text: &str| format!("{}{text}", number(text.len()));
    let packet = |body: &str| text(body);
    let path = scene.path("there/kept/file").display().to_string();
    let hello = packet(&format!("\u{1}{}", number(3)));
    let open = packet(&format!("\u{3}{}{}{}{}", number(1), text(&path), number(1), number(0)));
    // OpenSSH's server names what it opens first by four zero bytes.
    let from = "\0".repeat(8);
    let read = packet(&format!("\u{5}{}{}{from}{}", number(2), text("\0\0\0\0"), number(100)));
    let mut ssh = Talk::typing(&mut scene.ssh().with(&["-s"]).command(&["sftp"]))?;
    ssh.types(&format!("{hello}{open}"))?;
    let handle = format!("{}f{}", number(13), number(1));
    ssh.said("a handle", SHORT, |output, _| output.contains(&handle).then_some(()))?;
    ssh.types(&read)?;
    drop(ssh.process().child().stdin.take());
    let (status, _) = ssh.wait(SHORT)?;
    assert!(status.success() && ssh.output().contains("this stays"), "{}", ssh.errors());
    Ok(())
}

/// A secret in a file: the client gets none of it, whatever it copies with sftp.
#[test]
fn a_file_with_a_secret_is_not_given_out() -> Result<()> {
    let scene = scene()?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let text = format!("{}{token}{}", "a line of text\n".repeat(40_000), "\nmore\n".repeat(40_000));
    fs::write(scene.path("there/text"), &text)?;
    let got = scene.path("here/got");
    let ended = scp(&scene, &[], &there(&scene, "text"), &got.display().to_string())?;
    assert!(!ended.status.success());
    assert!(ended.said().contains("SP-1213") && ended.said().contains("github-token"));
    let given = fs::read_to_string(&got).unwrap_or_default();
    assert!(!given.contains("a1B2c3"), "a part of it is given out");
    let passed = scene.events_of("file.transferred")?;
    assert_eq!(passed[0]["found"]["github-token"], 1, "{passed:?}");
    assert_eq!(passed[0]["told"]["code"], "SP-1213");
    // Names are texts: they are masked, and the list stays one.
    fs::write(scene.path("there").join(&token), "")?;
    let listed = batch(&scene, &format!("ls -1 {}\n", scene.path("there").display()))?;
    succeeds(&listed);
    assert!(listed.text().contains("***") && listed.text().contains("text"), "{}", listed.text());
    for line in scene.event_lines()? {
        assert!(!line.contains("a1B2c3"), "{line}");
    }
    assert!(!listed.text().contains("a1B2c3"));
    Ok(())
}

/// What copies over a command's output gives whole files or none: masked, they would be others.
#[test]
fn a_file_with_a_secret_is_not_copied_damaged() -> Result<()> {
    // By this policy nothing has to be known of what rsync's own protocol asks for.
    let policy = POLICY.replace("**/blocked/**", "/nowhere/**");
    let scene = scene_with(&policy.replace("**/kept/*", "/x/*").replace("**/held/*", "/y/*"))?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let lines = "a line of text\n".repeat(40_000);
    fs::write(scene.path("there/text"), format!("{lines}{token}\n{lines}"))?;
    let got = scene.path("here/got");
    let to = got.display().to_string();
    let copies: [&dyn Fn() -> Result<Reaped>; 2] =
        [&|| scp(&scene, &["-O"], &there(&scene, "text"), &to), &|| {
            rsync(&scene, &there(&scene, "text"), &to)
        }];
    for copy in copies {
        let ended = copy()?;
        assert!(!ended.status.success() && ended.said().contains("SP-1213"), "{}", ended.said());
        assert!(ended.said().contains("github-token"), "{}", ended.said());
        let given = fs::read_to_string(&got).unwrap_or_default();
        assert!(!given.contains("a1B2c3") && !given.contains("***"), "a part of it is there");
        assert!(given.len() <= lines.len() + 1, "it goes on behind the secret");
        fs::remove_file(&got).ok();
    }
    let finished = scene.events_of("command.finished")?;
    let told = |data: &Value| data["outcome"]["refused"]["code"].clone();
    assert!(finished.iter().all(|data| told(data) == "SP-1213"), "{finished:?}");
    // Printed, it is masked and goes on.
    let there = scene.path("there/text").display().to_string();
    let shown = run(&mut scene.ssh().command(&["cat", &there]), Vec::new(), LONG)?;
    succeeds(&shown);
    assert!(shown.text().contains("***") && shown.text().ends_with("a line of text\n"));
    Ok(())
}

/// What is sent to a target is looked through where policy asks for it, and stopped where it is too
/// much; of what was sent before that, the target has it.
#[test]
fn what_may_not_be_sent_or_is_too_much_is_not_written() -> Result<()> {
    let guarded = format!(
        "{POLICY}masks:\n  - {{ name: no-tokens-there, when: {{}}, detect: [secrets], with: redact, \
         uploads: block }}\nlimits:\n  - {{ name: small, when: {{ files: {{ paths: \
         [\"**/small/*\"] }} }}, limit: {{ file: 1MiB }} }}\n"
    );
    let scene = scene_with(&guarded)?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let lines = "a line of text\n".repeat(40_000);
    fs::write(scene.path("here/secret"), format!("{lines}{token}\n{lines}"))?;
    fs::write(scene.path("here/plain"), &lines)?;
    fs::create_dir(scene.path("there/small"))?;
    let secret = scene.path("here/secret").display().to_string();
    let ended = scp(&scene, &[], &secret, &there(&scene, "secret"))?;
    assert!(!ended.status.success());
    assert!(ended.said().contains("SP-1215") && ended.said().contains("github-token"));
    let sent = fs::read_to_string(scene.path("there/secret")).unwrap_or_default();
    let is_whole = sent.len() > lines.len() || sent.contains(&token);
    assert!(!is_whole, "{} of {} bytes are there", sent.len(), lines.len());
    let plain = scene.path("here/plain").display().to_string();
    succeeds(&scp(&scene, &[], &plain, &there(&scene, "plain"))?);
    assert_eq!(fs::read_to_string(scene.path("there/plain"))?, lines);
    // The other file is longer than the limit, this one is not; elsewhere there is none.
    succeeds(&scp(&scene, &[], &plain, &there(&scene, "small/plain"))?);
    let long = scene.path("here/file").display().to_string();
    let ended = scp(&scene, &[], &long, &there(&scene, "small/long"))?;
    assert!(!ended.status.success() && ended.said().contains("SP-1212"), "{}", ended.said());
    let there_now = fs::metadata(scene.path("there/small/long"))?.len();
    assert!(there_now <= 1024 * 1024, "{there_now} bytes are there");
    succeeds(&scp(&scene, &[], &long, &there(&scene, "long"))?);
    fs::copy(scene.path("here/file"), scene.path("there/small/read"))?;
    let got = scene.path("here/got").display().to_string();
    let ended = scp(&scene, &[], &there(&scene, "small/read"), &got)?;
    assert!(!ended.status.success() && ended.said().contains("SP-1212"), "{}", ended.said());
    assert!(fs::metadata(&got)?.len() <= 1024 * 1024);
    let passed = scene.events_of("file.transferred")?;
    let told = |at: usize| passed[at]["told"]["code"].as_str().unwrap_or_default();
    let all: Vec<_> = (0..passed.len()).map(told).collect();
    assert_eq!(all, ["SP-1215", "", "", "SP-1212", "", "SP-1212"]);
    assert_eq!(passed[0]["found"]["github-token"], 1);
    for line in scene.event_lines()? {
        assert!(!line.contains("a1B2c3"), "{line}");
    }
    Ok(())
}

/// Recorded before done: when a request reaches the target, the journal holds its name.
#[test]
fn a_request_is_recorded_before_the_target_sees_it() -> Result<()> {
    let scene = scene()?;
    let journal = scene.path("data").join("events").display().to_string();
    let log = scene.path("target/seen.log").display().to_string();
    // What stands before the server looks into the journal for each mark that arrives.
    let look = format!(
        "#!/usr/bin/perl\n$| = 1;\nwhile (sysread(STDIN, $bytes, 65536)) {{\n\
         while ($bytes =~ /(mark-[0-9a-f]+)/g) {{\n\
         my $seen = system('grep', '-rqaF', '-e', $1, '{journal}') == 0 ? 'yes' : 'no';\n\
         open(my $log, '>>', '{log}'); print $log \"$seen $1\\n\"; close $log;\n}}\n\
         syswrite(STDOUT, $bytes);\n}}\n"
    );
    scene.target.script("before-files", &look)?;
    let (mut lines, mut marks) = (String::new(), Vec::new());
    let at = scene.path("there").display().to_string();
    for _ in 0..8 {
        let mark = marker();
        lines.push_str(&format!("mkdir {at}/{mark}\nrmdir {at}/{mark}\n"));
        marks.extend([format!("yes {mark}"), format!("yes {mark}")]);
    }
    succeeds(&batch(&scene, &lines)?);
    let seen = fs::read_to_string(&log)?;
    let mut seen: Vec<_> = seen.lines().collect();
    // The client asks whether a folder is there, too.
    seen.dedup();
    marks.dedup();
    assert_eq!(seen, marks);
    Ok(())
}

#[test]
fn a_held_request_waits_for_somebody_else() -> Result<()> {
    let scene = scene()?;
    let bob = Key::make(&scene.path("here"), "bob")?;
    let people = format!(
        "people:\n  - {{ name: alice, groups: [engineering], ssh_keys: [\"{}\"] }}\n  \
         - {{ name: bob, groups: [dba], ssh_keys: [\"{}\"] }}\n",
        scene.key.public, bob.public
    );
    fs::write(scene.path("both.yaml"), people)?;
    let file = scene.path("both.yaml").display().to_string();
    let applied = scene.node.administer(&["people", "apply", "-f", &file])?;
    ensure!(applied.status.success(), "{}", applied.said());
    let token = scene.node.token(&bob)?;
    for (ruling, arrives) in [("approve", true), ("deny", false)] {
        let name = format!("held/{ruling}");
        let from = scene.path("here/file").display().to_string();
        let mut scp = scene.ssh().copier("scp");
        scp.args([&from, &there(&scene, &name)]);
        scp.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut scp = Process::start(&mut scp)?;
        until("bob may rule", SHORT, || Ok(scene.node.rules(&token, ruling)?.then_some(())))?;
        let status = scp.wait(LONG)?;
        assert_eq!(status.success(), arrives, "{ruling}");
        let arrived = scene.path("there").join(&name);
        assert_eq!(arrived.exists(), arrives, "{ruling}");
        if arrives {
            assert_eq!(sha(&arrived)?, sha(&scene.path("here/file"))?);
        }
    }
    assert_eq!(scene.events_of("command.released")?.len(), 1);
    Ok(())
}

/// Runs git as somebody who reaches repositories through the gateway.
fn git(scene: &Scene, folder: &Path, arguments: &[&str]) -> Result<Reaped> {
    let mut git = Command::new("git");
    git.current_dir(folder).env("GIT_SSH_COMMAND", scene.ssh().line()).env("HOME", folder);
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z");
    git.args(["-c", "user.name=alice", "-c", "user.email=alice@example.com"]);
    run(git.args(arguments), Vec::new(), LONG)
}

/// All replays, one behind the other.
fn pushes_in_replays(scene: &Scene) -> Result<String> {
    let mut shown = String::new();
    for opened in scene.events_of("session.opened")? {
        let id = opened["session"].as_str().context("an id")?;
        let replay = scene.node.administer(&["sessions", "replay", id, "--no-wait"])?;
        shown.push_str(&replay.text());
    }
    Ok(shown)
}

/// What a push changes is judged ref by ref, before the repository sees any of it.
#[test]
fn a_push_is_judged_ref_by_ref() -> Result<()> {
    let policy = POLICY.replace(
        "rules:",
        "rules:\n  - { name: main-stays, when: { files: { paths: [\"**/x.git/refs/heads/main\"] } }, \
         then: block, message: Ask for a review. }",
    );
    let scene = Scene::with_policy(&policy)?;
    let (bare, work) = (scene.path("x.git"), scene.path("work"));
    let url = format!("ssh://{ADDRESS}{}", bare.display());
    let git = |folder: &Path, arguments: &[&str]| git(&scene, folder, arguments);
    fs::create_dir(&work)?;
    succeeds(&git(&work, &["init", "-q", "--bare", "-b", "main", &bare.display().to_string()])?);
    succeeds(&git(&work, &["init", "-q", "-b", "main"])?);
    fs::write(work.join("file"), "content")?;
    succeeds(&git(&work, &["add", "file"])?);
    succeeds(&git(&work, &["commit", "-q", "-m", "first"])?);
    let pushed = git(&work, &["push", "-q", &url, "main:main", "main:topic"])?;
    assert!(!pushed.status.success() && pushed.said().contains("SP-1201: Ask for a review."));
    let refs = || git(&bare, &["for-each-ref", "--format=%(refname)"]).map(|said| said.text());
    assert_eq!(refs()?, "", "nothing of a blocked push happens");
    succeeds(&git(&work, &["push", "-q", &url, "main:topic", "main:other"])?);
    succeeds(&git(&work, &["push", "-q", &url, ":other"])?);
    assert_eq!(refs()?, "refs/heads/topic\n");
    succeeds(&git(&work, &["clone", "-q", "-b", "topic", &url, "copy"])?);
    assert_eq!(fs::read_to_string(work.join("copy/file"))?, "content");
    succeeds(&git(&bare, &["config", "receive.advertisePushOptions", "true"])?);
    let optioned = git(&work, &["push", "-q", "-o", "x", &url, "main:third"])?;
    assert!(optioned.said().contains("SP-1202"), "{}", optioned.said());
    assert_eq!(refs()?, "refs/heads/topic\n");
    let judged = scene.events_of("command.judged")?;
    let pushes = judged.iter().filter(|data| data["reading"]["reader"] == "push/1");
    let said: Vec<_> = pushes.map(|data| data["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].contains("\nrefs/heads/topic nothing -> "), "{said:?}");
    assert!(said[2].contains("\nrefs/heads/other ") && said[2].ends_with("-> nothing"), "{said:?}");
    let passed = scene.events_of("file.transferred")?;
    assert_eq!(passed.len(), 2, "{passed:?}");
    assert!(passed[0]["written"]["bytes"].as_u64() > Some(100), "the pack");
    assert!(passed[0]["written"]["sha256"].is_string());
    assert_eq!(passed[1]["written"]["bytes"], 0);
    // A replay shows which refs were pushed, and what passed.
    let shown = pushes_in_replays(&scene)?;
    assert!(shown.contains("\n   refs/heads/topic nothing -> "), "{shown}");
    assert!(shown.contains("\n   SP-1201: Ask for a review."), "{shown}");
    assert!(shown.contains(" bytes written, SHA-256 "), "{shown}");
    for how in ["verify", "rederive"] {
        let checked = scene.node.administer(&["audit", how])?;
        assert!(checked.status.success(), "{how}: {}{}", checked.text(), checked.said());
    }
    Ok(())
}

/// A pack comes as it is, whatever is in it: masked it would be none. All else that is said is text.
#[test]
fn a_fetched_pack_comes_as_it_is() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let (work, bare) = (scene.path("work"), scene.path("x.git"));
    fs::create_dir(&work)?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let git = |folder: &Path, arguments: &[&str]| git(&scene, folder, arguments);
    // What is not compressed stands in the pack as it is in the file.
    let stored = ["-c", "core.compression=0", "-c", "pack.compression=0"];
    succeeds(&git(&work, &["init", "-q", "-b", "main"])?);
    let lines = format!("{}password={token}\n", "a line of text\n".repeat(20_000));
    fs::write(work.join("file"), &lines)?;
    succeeds(&git(&work, &[&stored[..], &["add", "file"]].concat())?);
    succeeds(&git(&work, &[&stored[..], &["commit", "-q", "-m", "first"]].concat())?);
    succeeds(&git(&work, &["branch", &token])?);
    let path = bare.display().to_string();
    succeeds(&git(&work, &[&stored[..], &["clone", "-q", "--bare", ".", &path]].concat())?);
    succeeds(&git(&bare, &["config", "pack.compression", "0"])?);
    succeeds(&git(&bare, &["config", "core.compression", "0"])?);
    succeeds(&git(&bare, &[&stored[..], &["repack", "-q", "-a", "-d", "-F"]].concat())?);
    let url = format!("ssh://{ADDRESS}{path}");
    for (version, folder) in [("0", "old"), ("2", "new")] {
        let version = format!("protocol.version={version}");
        let clone = ["-c", &version, "clone", "--progress", "-b", "main", "--single-branch"];
        let cloned = git(&work, &[&clone[..], &[&url, folder]].concat())?;
        succeeds(&cloned);
        assert!(cloned.said().contains("remote: "), "{}", cloned.said());
        assert_eq!(fs::read_to_string(work.join(folder).join("file"))?, lines, "{version}");
    }
    // Names of branches are texts.
    let listed = git(&work, &["ls-remote", &url])?;
    succeeds(&listed);
    assert!(listed.text().contains("refs/heads/main") && listed.text().contains("***"));
    for line in [listed.text()].into_iter().chain(scene.event_lines()?) {
        assert!(!line.contains("a1B2c3"), "{line}");
    }
    let finished = scene.events_of("command.finished")?;
    let packs = finished.iter().filter(|data| data["output"]["bytes"].as_u64() > Some(300_000));
    let digests: Vec<_> = packs.map(|data| data["output"]["digest"].is_string()).collect();
    assert_eq!(digests, [true, true], "{finished:?}");
    // What is asked for and not there is told as by git itself.
    let missing = git(&work, &["clone", "-q", &format!("{url}.none"), "missing"])?;
    assert!(!missing.status.success() && missing.said().contains("not appear to be a git"));
    Ok(())
}
