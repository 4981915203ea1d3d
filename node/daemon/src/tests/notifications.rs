//! Hooks are made of files that only their owner may read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use node_api::notify::HookKind;
use proto::refusal::Code;

use super::temporary;
use crate::config::{Address, Notification};
use crate::notifications::hooks;

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

fn notification(folder: &Path) -> Notification {
    Notification {
        name: "chat".to_owned(),
        url: Address::InFile(folder.join("url")),
        kind: HookKind::Teams,
        secret: folder.join("secret"),
        include_text: false,
        authorities: folder.join("ca.pem"),
    }
}

#[track_caller]
fn refused(notification: &Notification, expected: &str) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let told = hooks(std::slice::from_ref(notification), "gw-1:8443").expect_err(expected);
    assert_eq!(told.code, Code::ConfigurationWrong);
    assert!(told.text.starts_with("notification chat: "), "{told}");
    assert!(told.text.contains(expected), "{told} does not say {expected:?}");
}

#[test]
fn what_a_hook_is_made_of() {
    let folder = temporary();
    let folder = folder.path();
    let good = notification(folder);
    refused(&good, "url is not there");
    write(&folder.join("url"), "https://chat.example.com/hook\n", 0o644);
    refused(&good, "url");
    write(&folder.join("url"), "https://chat.example.com/hook\n", 0o600);
    refused(&good, "secret is not there");
    write(&folder.join("secret"), "short\n", 0o600);
    write(&folder.join("ca.pem"), "", 0o644);
    refused(&good, "at least 16 bytes");
    write(&folder.join("secret"), &"x".repeat(32), 0o600);
    assert_eq!(hooks(std::slice::from_ref(&good), "gw-1:8443").expect("a hook").len(), 1);
    fs::remove_file(folder.join("ca.pem")).expect("it is there");
    refused(&good, "ca.pem");
    write(&folder.join("ca.pem"), "", 0o644);
    let plain = Notification { url: Address::Said("http://chat/hook".to_owned()), ..good };
    refused(&plain, "https://");
}
