//! `login`, `logout`, `whoami`: who one is to a gateway.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use node_identity::sign_challenge;
use proto::api::{Challenge, LoggedIn, SshLogin, WhoAmI};
use proto::refusal::Code;
use russh::keys::PrivateKey;
use zeroize::Zeroizing;

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::context::{Saved, forget, load, save};
use crate::failure::{Failure, Outcome};
use crate::output;

/// The largest private key file, in bytes.
const KEY_LIMIT: u64 = 64 * 1024;

/// Log in to the API with your SSH key, and remember it.
#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    gateway: Gateway,
    /// The private key whose public half the people file has
    #[arg(long, value_name = "FILE")]
    ssh_key: PathBuf,
    /// Print the token instead of saving it, for SALLYPORT_TOKEN
    #[arg(long)]
    print_token: bool,
}

/// Give the saved login up.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    #[command(flatten)]
    gateway: Gateway,
}

/// Say who you are to the gateway, and what your roles permit.
#[derive(Debug, Args)]
pub(crate) struct Whoami {
    #[command(flatten)]
    gateway: Gateway,
    #[command(flatten)]
    listing: Listing,
}

/// Logs in.
pub(crate) async fn login(login: Login) -> Outcome {
    let key = private_key(&login.ssh_key)?;
    let client = Client::new(&login.gateway)?;
    let nothing = serde_json::json!({});
    let Challenge { challenge, .. } = client.post("/v1/login/challenge", &nothing).await?;
    let signature = sign_challenge(&key, &challenge)
        .map_err(|error| Failure::new(Code::LoginRefused, error))?;
    let body = SshLogin { challenge, signature };
    let given: LoggedIn = client.post("/v1/login/ssh", &body).await?;
    let token = Zeroizing::new(given.token);
    if login.print_token {
        return output::print(&format!("{}\n", token.as_str()));
    }
    let (url, ca) = (client.context().url.clone(), client.context().ca.clone());
    let person = given.person.to_string();
    let told = format!("Logged in to {url} as {person} for {} hours.\n", given.expires_in / 3600);
    save(&Saved { url, ca, token, person })?;
    output::print(&told)
}

/// Ends the saved login, here and at the gateway.
pub(crate) async fn logout(logout: Logout) -> Outcome {
    if load()?.is_none() && std::env::var_os("SALLYPORT_TOKEN").is_none() {
        return output::print("You were not logged in.\n");
    }
    let client = Client::new(&logout.gateway)?;
    let ended = client.post::<_, serde_json::Value>("/v1/logout", &serde_json::json!({})).await;
    forget()?;
    match ended {
        // A token that the gateway does not know is as good as ended.
        Ok(_) => output::print("Logged out.\n"),
        Err(Failure::Told(told)) if told.code == Code::NotAuthenticated => {
            output::print("Logged out; the token had ended before.\n")
        }
        Err(failure) => Err(failure),
    }
}

/// Shows who one is.
pub(crate) async fn whoami(whoami: Whoami) -> Outcome {
    let client = Client::new(&whoami.gateway)?;
    let me: WhoAmI = client.get("/v1/whoami").await?;
    output::one(whoami.listing.output, &me)
}

/// A private key from a file; one with a passphrase is refused.
fn private_key(path: &std::path::Path) -> Outcome<PrivateKey> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_LIMIT).read_to_string(&mut text).map_err(failed)?;
    let wrong = |error: russh::keys::ssh_key::Error| {
        let text = format!("{}: not an OpenSSH private key: {error}", path.display());
        Failure::new(Code::CredentialMissing, text)
    };
    let key = PrivateKey::from_openssh(text.as_bytes()).map_err(wrong)?;
    if !key.is_encrypted() {
        return Ok(key);
    }
    let text = format!(
        "{} has a passphrase, which this command does not ask for yet; log in with a key that has \
         none",
        path.display()
    );
    Err(Failure::new(Code::CredentialMissing, text))
}
