//! What a client is told when its command does not run: fit for a stranger, and never a word of
//! the command itself.

use proto::reading::Reading;
use proto::refusal::{Code, Told};

use crate::policy::Rule;

const WORD_UNKNOWN: &str = "a word that a rule asks about is only known when it runs";

pub(super) fn blocked(rule: Option<&Rule>) -> Told {
    let text = match rule {
        Some(Rule { message: Some(message), .. }) => message.clone(),
        Some(rule) => format!(
            "The rule `{}` blocks this command. Ask those who keep the policy if you need it.",
            rule.name
        ),
        None => "No rule allows all of this command, and what no rule allows is blocked here. Ask \
                 those who keep the policy if you need it."
            .to_owned(),
    };
    Told::new(Code::BlockedByRule, text)
}

pub(super) fn not_listed() -> Told {
    Told::new(
        Code::NotListed,
        "Only listed commands may run here, and a part of this one is not among them. Run the \
         listed part alone, or ask those who keep the policy.",
    )
}

pub(super) fn unreadable(reading: Option<&Reading>, rule: Option<&Rule>, held: bool) -> Told {
    let why = reading.and_then(|reading| reading.unreadable.as_deref());
    let of = |reader| reading.is_some_and(|reading| reading.reader.starts_with(reader));
    let (plainly, unknown) = if of("sql/") {
        ("write it as plain statements that say what they run", WORD_UNKNOWN)
    } else if of("files/") || of("push/") {
        ("name each file by itself", "what lies below a path is not known")
    } else if of("forward/") {
        ("name an address that a rule can be asked about", "where the name leads is not known here")
    } else {
        ("write it with literal programs and words", WORD_UNKNOWN)
    };
    let why = why.unwrap_or(unknown);
    let asks = rule
        .map_or_else(String::new, |rule| format!(" The rule `{}` must know what runs.", rule.name));
    let verb = if held { "held" } else { "blocked" };
    let text = format!("The command cannot be read: {why}.{asks} So it is {verb}; {plainly}.");
    Told::new(Code::Unreadable, text)
}

pub(super) fn held(rule: Option<&Rule>) -> Told {
    let text = match rule {
        Some(Rule { message: Some(message), .. }) => message.clone(),
        Some(rule) => {
            format!("The rule `{}` holds this command until somebody else approves it.", rule.name)
        }
        None => "This command is held until somebody else approves it.".to_owned(),
    };
    Told::new(Code::Held, text)
}

pub(super) fn no_grant() -> Told {
    Told::plain(Code::PermissionDenied)
}

pub(super) fn no_copy() -> Told {
    let text = "COPY needs a grant of the channel `copy`, which you do not have here. `SELECT` and \
                `INSERT` do without.";
    Told::new(Code::ChannelRefused, text)
}

/// A forward that would have to be held.
pub(super) fn not_held(held: Told) -> Told {
    let text = format!("{} A forward does not wait for one, so it is refused.", held.text);
    Told::new(Code::HeldWithoutApprovals, text)
}

/// A forward to what the gateway would read. Which targets it may be is in the record: not
/// everybody who asks may know them.
pub(super) fn unseen() -> Told {
    let text = "This forward leads to a target that is reached through the gateway, or may do so, \
                and nobody would see what is done there. Go through the gateway to it.";
    Told::new(Code::ForwardUnseen, text)
}
