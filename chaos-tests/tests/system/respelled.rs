//! FAULTS 16: a blocked program, spelt in every way that is known here, against a real bash. Each
//! way is first shown to work: without the gateway, it shows what it must not.

use std::process::Command;

use anyhow::{Result, ensure};
use chaos_tests::live::{SHORT, Scene, run};

/// What the blocked programs would show.
const LEAK: &str = "leak-of-the-environment";

/// Ways to run `env` or `printenv`.
const WAYS: &[&str] = &[
    // Quoting and names.
    "env",
    "e\"\"nv",
    "e''nv",
    "\"env\"",
    "'env'",
    "\\env",
    "e\\nv",
    "en\\\nv",
    "$'env'",
    "$'\\145nv'",
    "$'\\x65nv'",
    "$\"env\"",
    "/usr/bin/env",
    "/usr/bin/../bin/env",
    "/usr//bin/env",
    "printenv LEAK",
    "  env",
    "\tenv",
    ">/dev/stdout env",
    "X=1 env",
    // Lists, pipes, groups, substitutions.
    "true; env",
    "true && env",
    "false || env",
    "env | cat",
    "true | env",
    "env &  wait",
    "(env)",
    "{ env; }",
    "! env",
    "time env",
    "echo $(env)",
    "echo `env`",
    "echo \"$(env)\"",
    "cat <(env)",
    "cat <<< \"$(env)\"",
    "cat <<X\n$(env)\nX",
    "if env; then :; fi",
    "if true; then env; fi",
    "while env; do break; done",
    "for i in 1; do env; done",
    "case x in x) env;; esac",
    "f() { env; }; f",
    "env() { command env; }; env",
    "coproc env; cat <&\"${COPROC[0]}\"",
    "[[ -n $(env) ]] && echo \"$(env)\"",
    "true\nenv",
    "x=$(env); echo \"$x\"",
    "trap env EXIT",
    // Words that are known only when it runs.
    "x=env; $x",
    "a=e b=nv; $a$b",
    "${x:-env}",
    "$(echo env)",
    "`echo env`",
    "$(printf '\\145\\156\\166')",
    "$(echo ZW52 | base64 -d)",
    "$(echo vne | rev)",
    "$(tr a-z b-za <<< dmu)",
    "/usr/bin/en?",
    "/usr/bin/e[n]v",
    "{env,-u,X}",
    "env${IFS}-u${IFS}X",
    "eval env",
    "eval 'e''nv'",
    "x='en'; x+=v; eval $x",
    "set -- env; \"$@\"",
    "alias\nshopt -s expand_aliases\nalias e=env\ne",
    // Wrappers.
    "command env",
    "exec env",
    "builtin command env",
    "nice env",
    "nohup env",
    "timeout 9 env",
    "setsid -w env",
    "stdbuf -o0 env",
    "xargs env < /dev/null",
    "echo LEAK | xargs printenv",
    "find /dev/null -exec env \\;",
    "env -u X env",
    "env -S 'printenv LEAK'",
    "flock /dev/null env",
    "script -qc env /dev/null",
    "busybox env || env",
    // Interpreters.
    "sh -c env",
    "bash -c 'env'",
    "sh -c 'e\"\"nv'",
    "bash <<< env",
    "bash <<X\nenv\nX",
    "echo env | sh",
    "echo ZW52Cg== | base64 -d | bash",
    "bash -s <<< env",
    "bash -c \"$(echo env)\"",
    "sh -c '$0' env",
    "source <(echo env)",
    ". /dev/stdin <<< env",
    "perl -e 'print %ENV'",
    "perl -e 'system(\"env\")'",
    "awk 'BEGIN { system(\"env\") }'",
    "sed -n '1e env' /etc/passwd",
    "echo x | sed 's/x/env/e'",
    "python3 -c 'import os; print(os.environ)'",
    "make -f - <<< $'a:\\n\\t@env'",
    "git -c alias.x='!env' x",
    "ssh-keygen -V || env",
    "tar -cf /dev/null --checkpoint=1 --checkpoint-action=exec=env /etc/passwd",
];

/// At least so many of them work here: a machine may lack a program.
const AT_LEAST: usize = 90;

fn works(way: &str) -> Result<bool> {
    let mut bash = Command::new("bash");
    bash.args(["-c", way]).env("LEAK", LEAK);
    Ok(run(&mut bash, Vec::new(), SHORT)?.text().contains(LEAK))
}

#[test]
fn no_way_of_spelling_a_blocked_program_runs_it() -> Result<()> {
    let scene = Scene::start()?;
    let client = scene.ssh().shared(&scene.path("master"));
    let _master = client.master()?;
    let mut working = 0;
    let mut wrong = Vec::new();
    for way in WAYS {
        working += usize::from(works(way)?);
        let ended = client.run(way)?;
        let refused = ["sallyport: SP-1201: ", "sallyport: SP-1202: "];
        let told = refused.iter().any(|begins| ended.errors.starts_with(begins));
        if ended.status != Some(126) || !told || !ended.output.is_empty() {
            wrong.push(format!("{way:?}: {:?} {:?}", ended.status, ended.errors));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(working >= AT_LEAST, "only {working} of {} work without a gateway", WAYS.len());
    let reached: Vec<_> = scene.target.log()?.into_iter().map(|ran| ran.command).collect();
    assert_eq!(reached, [""; 0], "nothing of it reached the target");
    Ok(())
}
