//! Secrets of Kubernetes, as `kubectl get secret -o yaml` and `-o json` show them, and as people
//! write them in manifests: the values of `data:` and `stringData:`, whatever they are.
//!
//! `kubectl` writes `data` before `kind`, so that nothing says yet whose they are: then, right
//! behind `apiVersion: v1`, a value is one that is base64 of text, or of more than a few bytes.
//!
//! Redacted, a value without quotes begins with an `x`: a star there would be an alias of YAML.

mod json;
mod manifest;
mod scalar;
mod section;
mod yaml;

use super::entry::{Confidence, DetectorInfo};
use crate::mask::plan::Class;
use crate::mask::text::Text;

pub(in crate::mask) use manifest::Manifest;
pub(in crate::mask) use section::Section;

pub(super) const INFO: DetectorInfo = DetectorInfo {
    name: "kubernetes-secret",
    class: Some(Class::Credentials),
    only_by_name: false,
    description: "values of Kubernetes Secrets in YAML and JSON: data and stringData",
    confidence: Confidence::Medium,
    examples: &[
        "apiVersion: v1\ndata:\n  user: \"«YWRtaW4=»\"\nkind: Secret\n",
        "kind: Secret\nstringData:\n  user: \"«admin»\"\n",
        "{\"kind\": \"Secret\", \"data\": {\"user\": \"«YWRtaW4=»\"}}",
    ],
    others: &[
        "apiVersion: v1\ndata:\n  level: info\nkind: ConfigMap\n",
        "{\"kind\": \"Pod\", \"data\": {\"user\": \"YWRtaW4=\"}}",
    ],
};

/// So far back it is looked for what stands before a key.
const BEFORE_MAX: u64 = 96;

/// Which values of a section are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mask) enum Values {
    /// All of them.
    All,
    /// What is base64 of something that a secret may be.
    Encoded,
}

/// Whether the key that begins at `key` stands right behind the `apiVersion: v1` of an object.
pub(in crate::mask) fn is_behind_version(text: &Text, key: u64) -> bool {
    if text.before(key).is_none_or(|byte| !b" \t\n\"',\\".contains(&byte)) {
        return false;
    }
    let before = text.last(key, BEFORE_MAX);
    let end = before.iter().rposition(|byte| !b" \t\r\n\"',\\".contains(byte));
    let Some(version) = before[..end.map_or(0, |end| end + 1)].strip_suffix(b"v1") else {
        return false;
    };
    let end = version.iter().rposition(|byte| !b" \"':\\".contains(byte));
    version[..end.map_or(0, |end| end + 1)].ends_with(b"apiVersion")
}

/// Whether the value that begins at `start` has no quotes and stands behind its key: a star there
/// would be an alias of YAML.
pub(in crate::mask) fn is_plain_scalar(text: &Text, start: u64) -> bool {
    let before = text.last(start, BEFORE_MAX);
    let gap = before.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    gap > 0 && before[..before.len() - gap].ends_with(b":")
}

/// The column of the key that begins at `key`, if its line begins near enough: blanks, quotes and
/// the dashes of a list are before it.
fn column(text: &Text, key: u64) -> Option<u64> {
    let before = text.last(key, BEFORE_MAX);
    let line = match memchr::memrchr(b'\n', before) {
        Some(at) => &before[at + 1..],
        None if text.before(key - before.len() as u64).is_none() => before,
        None => return None,
    };
    let indent = line.iter().all(|byte| b" -\"'".contains(byte));
    indent.then(|| line.iter().filter(|byte| !b"\"'".contains(byte)).count() as u64)
}
