//! The hooks of a node, made of its configuration and of what the files that it names hold.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use node_api::notify::{Hook, HookOptions};
use proto::refusal::{Code, Told};
use zeroize::Zeroizing;

use crate::config::{Address, Notification};
use crate::secrets;

/// The largest file of certificates, in bytes.
const AUTHORITIES_LIMIT: u64 = 4 * 1024 * 1024;

/// The hooks, with what their files hold; `api` is where clients of the API reach this node.
///
/// # Errors
/// [`Code::ConfigurationWrong`], naming the hook and the file.
pub(crate) fn hooks(notifications: &[Notification], api: &str) -> Result<Vec<Hook>, Told> {
    notifications.iter().map(|one| hook(one, api)).collect()
}

fn hook(notification: &Notification, api: &str) -> Result<Hook, Told> {
    let Notification { name, url, kind, secret, include_text, authorities } = notification;
    let wrong =
        |what: String| Told::new(Code::ConfigurationWrong, format!("notification {name}: {what}"));
    let private = |path: &Path| -> Result<Zeroizing<Vec<u8>>, Told> {
        let read = secrets::read(path).map_err(|error| wrong(error.to_string()))?;
        read.ok_or_else(|| wrong(format!("{} is not there", path.display())))
    };
    let url = match url {
        Address::Said(url) => Zeroizing::new(url.clone()),
        Address::InFile(path) => {
            let bytes = private(path)?;
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| wrong(format!("{} holds no text", path.display())))?;
            Zeroizing::new(text.trim().to_owned())
        }
    };
    let secret = private(secret)?;
    let secret = Zeroizing::new(secret.trim_ascii_end().to_vec());
    let authorities = certificates(authorities)
        .map_err(|error| wrong(format!("{}: {error}", authorities.display())))?;
    let options = HookOptions {
        name: name.clone(),
        url,
        kind: *kind,
        secret,
        include_text: *include_text,
        authorities,
        link: format!("https://{api}/v1/approvals/"),
        first_pause: None,
    };
    Hook::new(options).map_err(|error| wrong(error.to_string()))
}

fn certificates(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(AUTHORITIES_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
