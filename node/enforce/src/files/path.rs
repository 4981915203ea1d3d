//! Paths in normal form.

/// The longest path, in bytes: Linux takes no longer one (`PATH_MAX`).
pub const PATH_LIMIT: usize = 4096;

/// A path as it is judged and sent: behind `start` when it is relative, without empty parts, `.`
/// and `..`. What is above the root is the root. `start` must be absolute.
#[must_use]
pub fn normal(start: &[u8], path: &[u8]) -> Vec<u8> {
    let relative = !path.starts_with(b"/");
    let before = if relative { start } else { b"" };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in before.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut out = Vec::with_capacity(before.len() + path.len() + 1);
    for part in &parts {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// A path of a shell command in normal form: one that is relative stands behind `~`, where the
/// login's shell begins. Nothing when it leads out of there, to where nobody knows.
pub(super) fn of_login(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(String::from_utf8_lossy(&normal(b"/", path.as_bytes())).into_owned());
    }
    let mut parts: Vec<&str> = vec!["~"];
    let path = path.strip_prefix("~/").unwrap_or(path);
    // `~name` is the home of somebody else.
    if path.starts_with('~') && path != "~" {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." | "~" if parts.len() == 1 => {}
            "" | "." => {}
            ".." if parts.len() == 1 => return None,
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
