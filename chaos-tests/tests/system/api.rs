//! The gateway's API over HTTPS, as its administrator asks it without the command line.

use std::fs;

use anyhow::Result;
use chaos_tests::live::{LONG, Scene};

/// What the gateway answers.
pub(crate) fn ask(scene: &Scene, path: &str) -> Result<String> {
    let ready = &scene.node.ready;
    let ca = reqwest::Certificate::from_pem(&fs::read(&ready.ca)?)?;
    let token = fs::read_to_string(scene.node.data.join("admin.token"))?;
    let url = format!("{}{path}", ready.api);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().add_root_certificate(ca).timeout(LONG).build()?;
        let answer = client.get(url).bearer_auth(token.trim()).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    })
}
