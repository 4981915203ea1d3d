//! The gateway's API over HTTPS, as its administrator asks it without the command line.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::live::{LONG, Scene};
use proto::api::LAST_POSITION_HEADER;
use reqwest::header::HeaderMap;

/// What the gateway answers.
pub(crate) fn ask(scene: &Scene, path: &str) -> Result<String> {
    Ok(get(scene, path)?.1)
}

/// The exact lines of all events from a position on, the first one being 1.
pub(crate) fn events_from(scene: &Scene, position: usize) -> Result<Vec<String>> {
    let (headers, text) = get(scene, &format!("/v1/events?position={position}"))?;
    let last = headers.get(LAST_POSITION_HEADER).context("the answer names the last position")?;
    let last: usize = last.to_str()?.parse()?;
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let (got, wanted) = (lines.len(), (last + 1).saturating_sub(position));
    ensure!(got == wanted, "{got} events are served from {position} to {last}");
    Ok(lines)
}

fn get(scene: &Scene, path: &str) -> Result<(HeaderMap, String)> {
    let ready = &scene.node.ready;
    let ca = reqwest::Certificate::from_pem(&fs::read(&ready.ca)?)?;
    let token = fs::read_to_string(scene.node.data.join("admin.token"))?;
    let url = format!("{}{path}", ready.api);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().add_root_certificate(ca).timeout(LONG).build()?;
        let answer = client.get(url).bearer_auth(token.trim()).send().await?.error_for_status()?;
        Ok((answer.headers().clone(), answer.text().await?))
    })
}
