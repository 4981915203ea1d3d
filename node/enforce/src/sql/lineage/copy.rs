//! How COPY writes rows.

use super::super::tree::Tree;

/// How COPY writes rows to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyForm {
    /// In the server's binary form.
    Binary,
    /// In lines.
    Lines {
        /// Whether values are in quotes, as in CSV; otherwise behind backslashes.
        csv: bool,
        /// What stands between values.
        delimiter: u8,
        /// Whether the first line has names.
        header: bool,
    },
}

/// The form that a COPY asks for; none when masked values could not be written in it.
pub(super) fn form(statement: &Tree) -> Option<CopyForm> {
    let options = statement.get("options").list();
    let option = |name: &str| options.iter().find(|option| option.get("defname").text() == name);
    let known = ["format", "delimiter", "header", "force_quote", "encoding", "freeze"];
    if options.iter().any(|option| !known.contains(&option.get("defname").text())) {
        return None;
    }
    if option("encoding").is_some() {
        return None;
    }
    let csv = match option("format").map(word) {
        None | Some("text") => false,
        Some("csv") => true,
        Some("binary") => return Some(CopyForm::Binary),
        Some(_) => return None,
    };
    let delimiter = match option("delimiter").map(|option| word(option).as_bytes()) {
        None => {
            if csv {
                b','
            } else {
                b'\t'
            }
        }
        Some(&[one]) if one.is_ascii() && !matches!(one, b'"' | b'\\' | b'\n' | b'\r') => one,
        Some(_) => return None,
    };
    let header = option("header").is_some_and(|option| !is_off(option));
    Some(CopyForm::Lines { csv, delimiter, header })
}

fn word(option: &Tree) -> &str {
    option.get("arg").get("sval").text()
}

/// Whether an option is switched off; what is not surely off is on.
fn is_off(option: &Tree) -> bool {
    let value = option.get("arg");
    let word = value.get("sval").text().to_ascii_lowercase();
    value.kind() == "Integer" && !value.get("ival").is_there()
        || value.kind() == "Boolean" && !value.get("boolval").is_there()
        || matches!(word.as_str(), "off" | "false")
}
