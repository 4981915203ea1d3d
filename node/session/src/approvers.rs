//! Who may give the approvals that a held command needs.

use node_enforce::policy::{Approval, Who};
use node_gate::Ask;
use node_identity::Directory;
use proto::ids::Name;
use proto::refusal::{Code, Told};

/// How many names are pinned for one rule: of more, the first by name.
const APPROVERS_PINNED: usize = consensus_state::limits::APPROVERS;

/// The names for each rule, in the rules' order.
///
/// # Errors
/// What the client is told when a rule asks for more people than there are: nobody can let the
/// command go, so nobody is asked.
pub(crate) fn of(ask: &Ask, people: &Directory) -> Result<Vec<Vec<Name>>, Told> {
    if ask.rules.is_empty() {
        return Err(Told::plain(Code::HeldWithoutApprovals));
    }
    ask.rules.iter().map(|rule| for_rule(rule, &ask.person, people)).collect()
}

fn for_rule(rule: &Approval, requester: &Name, people: &Directory) -> Result<Vec<Name>, Told> {
    let may = people.people().filter(|person| {
        person.name != *requester
            && rule.may_approve(&Who::new(person.name.as_str(), &person.groups))
    });
    let names: Vec<_> = may.map(|person| person.name.clone()).take(APPROVERS_PINNED).collect();
    let needed = usize::try_from(rule.count).unwrap_or(usize::MAX);
    if names.len() >= needed {
        return Ok(names);
    }
    let text = format!(
        "The rule `{}` needs {} of somebody else, and {} other than you may give one, so it does \
         not run. Ask those who keep the policy.",
        rule.rule(),
        counted(needed, "approval", "approvals"),
        counted(names.len(), "person", "people"),
    );
    Err(Told::new(Code::HeldWithoutApprovals, text))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}").replace("no people", "nobody"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
