//! `ssh-config`: how an unmodified OpenSSH client reaches targets.

use clap::Args;
use proto::refusal::Code;

use crate::failure::{Failure, Outcome};
use crate::output;

/// Print a block for ~/.ssh/config that reaches targets through the gateway.
///
/// With it, `ssh -l deploy@web-1 gateway.sallyport uptime` runs on the target `web-1` as `deploy`.
#[derive(Debug, Args)]
pub(crate) struct SshConfig {
    /// Where the gateway's SSH listens
    #[arg(long, value_name = "HOST:PORT", env = "SALLYPORT_SSH")]
    #[arg(default_value = "127.0.0.1:2222")]
    ssh: String,
    /// The ending of the host's name: the block is for gateway.SUFFIX
    #[arg(long, default_value = "sallyport")]
    suffix: String,
    /// Your private key
    #[arg(long, value_name = "FILE")]
    identity: Option<String>,
    /// The gateway's host key (`host_key` of ready.json): prints the line for known_hosts as well
    #[arg(long, value_name = "KEY")]
    host_key: Option<String>,
}

/// Prints the block.
pub(crate) fn run(config: &SshConfig) -> Outcome {
    let plain = |text: &String| text.chars().all(|c| !c.is_control() && c != '"');
    let texts = [Some(&config.ssh), Some(&config.suffix), config.identity.as_ref()];
    if !texts.into_iter().flatten().all(plain) {
        return Err(Failure::Usage("control characters and quotes cannot be written there".into()));
    }
    let (host, port) = config.ssh.rsplit_once(':').ok_or_else(|| {
        Failure::new(Code::BadRequest, format!("--ssh {:?}: expected HOST:PORT", config.ssh))
    })?;
    let host = host.trim_matches(['[', ']']);
    let suffix = config.suffix.trim_start_matches('.');
    let mut lines = vec![
        format!("# In ~/.ssh/config; then: ssh -l LOGIN@TARGET gateway.{suffix} COMMAND"),
        format!("Host gateway.{suffix}"),
        format!("    HostName {host}"),
        format!("    Port {port}"),
        "    PreferredAuthentications publickey".to_owned(),
        "    IdentitiesOnly yes".to_owned(),
        "    ForwardAgent no".to_owned(),
    ];
    if let Some(identity) = &config.identity {
        lines.push(format!("    IdentityFile \"{identity}\""));
    }
    if let Some(key) = &config.host_key {
        let name = if port == "22" { host.to_owned() } else { format!("[{host}]:{port}") };
        lines.push("# In ~/.ssh/known_hosts:".to_owned());
        lines.push(format!("# {name} {}", key.trim()));
    }
    lines.push(String::new());
    output::print(&lines.join("\n"))
}
