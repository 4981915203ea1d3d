//! Held commands: asked for, approved, spent once or never.

use consensus_state::Denied;
use node_gate::Permit;
use proto::entry::{
    ApprovalConsumption, ApprovalRevocation, By, CommandRef, Entry, LockScope, Ruling, Withdrawn,
};
use proto::event::{Counted, Kind, Outcome};
use proto::reading::Verdict;
use proto::refusal::{Code, Told};
use tokio::sync::oneshot;

use super::node::{Answer, Node, POLICY, T, asked, judge, name, person};
use crate::{Boxed, Control, ControlError, Doing, Session, Waiting};

/// A client that remembers what it was told, and leaves when the test says so.
struct Client {
    told: Vec<Told>,
    leaves: Option<oneshot::Receiver<()>>,
}

impl Waiting for Client {
    fn tell(&mut self, told: Told) {
        self.told.push(told);
    }

    fn leaves(&mut self) -> Boxed<'_, Withdrawn> {
        Box::pin(async {
            if let Some(leaves) = &mut self.leaves {
                leaves.await.expect("the test says it");
            } else {
                std::future::pending::<()>().await;
            }
            Withdrawn::ClientLeft
        })
    }
}

fn patient() -> Client {
    Client { told: Vec::new(), leaves: None }
}

async fn judged(session: &mut Session, client: &mut Client, text: &str) -> Result<Permit, Told> {
    session.judge(text.as_bytes().to_vec(), client).await
}

fn text(permit: Permit, node: &Node) -> String {
    let text = permit.redeem(crate::Clock::elapsed(&*node.clock)).expect("it is fresh");
    String::from_utf8_lossy(text.bytes()).into_owned()
}

/// What was decided about approvals by the cluster, and about commands by the node; each in order.
async fn story(node: &Node) -> (Vec<String>, Vec<String>) {
    let (control, node) = node.chains().await;
    let asked = |event: proto::event::Event| match event.kind? {
        Kind::ApprovalRequested(asked) => {
            let rules: Vec<_> = asked.rules.iter().map(|rule| rule.rule.clone()).collect();
            Some(format!("requested {}", rules.join(" ")))
        }
        Kind::ApprovalRuled(ruled) => Some(format!("{} by {}", ruled.ruling, ruled.person)),
        Kind::ApprovalConsumed(_) => Some("consumed".to_owned()),
        Kind::ApprovalWithdrawn(event) => Some(format!("withdrawn: {}", event.because)),
        Kind::ApprovalRevoked(_) => Some("revoked".to_owned()),
        Kind::ApprovalExpired(_) => Some("expired".to_owned()),
        _ => None,
    };
    let done = |event: proto::event::Event| match event.kind? {
        Kind::CommandJudged(judged) => Some(format!("judged {}", judged.verdict)),
        Kind::CommandReleased(_) => Some("released".to_owned()),
        Kind::CommandFinished(event) => match event.outcome {
            Outcome::Refused(told) => Some(format!("refused {}", told.code)),
            other => Some(format!("{other:?}")),
        },
        _ => None,
    };
    (control.into_iter().filter_map(asked).collect(), node.into_iter().filter_map(done).collect())
}

#[tokio::test]
async fn it_runs_once_when_somebody_else_approved() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let mut client = patient();
    let approve = async {
        let approval = node.waits_for().await;
        node.rule(approval, "bob", Ruling::Approve).await;
        approval
    };
    let (permit, approval) = tokio::join!(judged(&mut session, &mut client, "reboot"), approve);
    let permit = permit.expect("it was approved");
    assert_eq!(node.sessions.live().list()[0].doing, Doing::Running { command: 1 });
    assert_eq!(text(permit, &node), "reboot");
    assert_eq!(node.status(approval), "used up");
    let (asked_for, done) = story(&node).await;
    assert_eq!(asked_for, ["requested second-pair-of-eyes", "approve by bob", "consumed"]);
    assert_eq!(done, ["judged hold", "released"]);
    let said: Vec<_> = client.told.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(
        said[0],
        "SP-1211: The rule `second-pair-of-eyes` holds this command until somebody else approves \
         it."
    );
    let how = format!("sallyport approvals approve {approval} --reason …");
    assert!(said[1].ends_with(&how) && said[1].contains(" UTC"), "{}", said[1]);
    assert_eq!(said[2], "SP-1211: Approved by bob: it goes.");
    // Spent is spent: the same command cannot take it again, nor can another.
    let live = node.events().into_iter().rev().find_map(|event| event.about.session);
    let command = CommandRef {
        node: name("gw-1"),
        epoch: proto::ids::Epoch(1),
        session: live.expect("a session"),
        command: 1,
        digest: crate::seal::DigestKey::new(&[1; 32]).digest(b"reboot"),
    };
    let rules = vec!["second-pair-of-eyes".to_owned()];
    let again = ApprovalConsumption { approval, command, policy_revision: 1, rules };
    let reply = node.control.propose(Entry::ApprovalConsumed(again)).await.expect("answered");
    assert!(matches!(reply, consensus_state::Reply::Refused(Denied::ApprovalOver(_))), "{reply:?}");
}

#[tokio::test]
async fn several_must_approve_when_a_rule_says_so() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let approve = async {
        let approval = node.asked_for().await;
        node.rule(approval, "bob", Ruling::Approve).await;
        assert_eq!(node.status(approval), "open");
        node.rule(approval, "carol", Ruling::Approve).await;
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "reboot; halt"), approve);
    assert_eq!(text(permit.expect("both rules are satisfied"), &node), "reboot; halt");
    assert_eq!(story(&node).await.0[0], "requested second-pair-of-eyes two-of-them");
}

#[tokio::test]
async fn nobody_is_asked_when_nobody_can_answer() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let told = judge(&mut session, "shutdown").await.expect_err("there are not three");
    assert_eq!(told.code, Code::HeldWithoutApprovals);
    assert_eq!(
        told.text,
        "The rule `too-many` needs 3 approvals of somebody else, and 2 people other than you may \
         give one, so it does not run. Ask those who keep the policy."
    );
    let nothing: [String; 0] = [];
    let (asked_for, done) = story(&node).await;
    assert_eq!(asked_for, nothing);
    assert_eq!(done, ["judged hold", "refused SP-1204"]);
    // Whoever asks does not count among those who may approve.
    node.people(vec![person("alice", "engineering"), person("bob", "dba")]).await;
    let told = judge(&mut session, "halt").await.expect_err("there are not two");
    assert!(told.text.contains("1 person other than you"), "{}", told.text);
    node.people(vec![person("alice", "engineering")]).await;
    let told = judge(&mut session, "reboot").await.expect_err("there is none");
    assert!(told.text.contains("needs 1 approval of somebody else, and nobody"), "{}", told.text);
}

#[tokio::test]
async fn denied_and_revoked() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let deny = async {
        let approval = node.asked_for().await;
        node.rule(approval, "carol", Ruling::Deny).await;
    };
    let (told, ()) = tokio::join!(judge(&mut session, "reboot"), deny);
    let told = told.expect_err("it was denied");
    assert_eq!(told.to_string(), "SP-1207: The approval was denied by carol: looks right");
    let revoke = async {
        let approval = node.asked_for().await;
        let (by, reason) = (By::Person(name("bob")), "no".to_owned());
        let revocation = ApprovalRevocation { approval, by, reason };
        node.propose(Entry::ApprovalRevoked(revocation)).await;
    };
    let (told, ()) = tokio::join!(judge(&mut session, "reboot"), revoke);
    assert_eq!(told.expect_err("it was taken back").code, Code::ApprovalRevoked);
    let (asked_for, done) = story(&node).await;
    let requested = "requested second-pair-of-eyes";
    assert_eq!(asked_for, [requested, "deny by carol", requested, "revoked"]);
    assert_eq!(done, ["judged hold", "refused SP-1207", "judged hold", "refused SP-1210"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_approves_in_time() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let begun = tokio::time::Instant::now();
    let told = judge(&mut session, "halt").await.expect_err("nobody approved");
    assert_eq!(told.code, Code::ApprovalExpired);
    let took = begun.elapsed().as_secs();
    assert!((300..=301).contains(&took), "{took}");
    assert_eq!(story(&node).await.0.last().map(String::as_str), Some("expired"));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let (leave, leaves) = oneshot::channel();
    let mut client = Client { told: Vec::new(), leaves: Some(leaves) };
    let go = async {
        let approval = node.asked_for().await;
        leave.send(()).expect("it waits");
        approval
    };
    let (told, approval) = tokio::join!(judged(&mut session, &mut client, "reboot"), go);
    assert_eq!(told.expect_err("the client left").code, Code::ApprovalWithdrawn);
    session.close("client left").await;
    node.closed_in_control().await;
    assert_eq!(node.status(approval), "withdrawn (client left)");
    assert_eq!(node.told(), ["ApprovalWithdrawn", "SessionClose"]);
    assert_eq!(node.closed(), ["client left"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_its_request_is_answered() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let (leave, leaves) = oneshot::channel();
    let mut client = Client { told: Vec::new(), leaves: Some(leaves) };
    node.refuse("ApprovalRequested", Answer::Late);
    let go = async {
        let approval = node.asked_for().await;
        leave.send(()).expect("it waits");
        approval
    };
    let (told, approval) = tokio::join!(judged(&mut session, &mut client, "reboot"), go);
    assert_eq!(told.expect_err("the client left").code, Code::ApprovalWithdrawn);
    session.close("client left").await;
    node.closed_in_control().await;
    assert_eq!(node.status(approval), "withdrawn (client left)");
}

#[tokio::test]
async fn a_session_that_is_dropped_while_it_waits_withdraws() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let approval = tokio::select! {
        _ = judge(&mut session, "reboot") => panic!("nobody approved"),
        approval = node.asked_for() => approval,
    };
    drop(session);
    node.closed_in_control().await;
    assert_eq!(node.status(approval), "withdrawn (session ended)");
    let (asked_for, done) = story(&node).await;
    assert_eq!(asked_for[1..], ["withdrawn: session ended"]);
    assert_eq!(done[1..], ["refused SP-1209"]);
}

#[tokio::test]
async fn ended_while_it_waits() {
    let node = Node::start().await;
    let check = async |end: &dyn Fn(&Node), code: Code, status: &str, reason: &str| {
        let mut session = node.sessions.open(&asked()).await.expect("a grant");
        let ends = async {
            let approval = node.waits_for().await;
            end(&node);
            approval
        };
        let (told, approval) = tokio::join!(judge(&mut session, "reboot"), ends);
        assert_eq!(told.expect_err("it ended").code, code);
        session.close("the driver's own reason").await;
        node.closed_in_control().await;
        assert_eq!(node.status(approval), status);
        assert_eq!(node.closed().pop().as_deref(), Some(reason));
    };
    let kill = |node: &Node| {
        let live = node.sessions.live();
        let (id, by) = (live.list().remove(0).id, By::Person(name("bob")));
        live.kill(&id, &by, "who is this?").expect("it is live");
    };
    let (by_bob, ended) = ("ended by bob: who is this?", "withdrawn (session ended)");
    check(&kill, Code::SessionEnded, ended, by_bob).await;
    let drain = |node: &Node| node.sessions.live().end_waiting(&Told::plain(Code::Draining));
    check(&drain, Code::Draining, "withdrawn (node lost)", "drained").await;
}

#[tokio::test]
async fn a_drain_withdraws_what_waits_and_what_would_and_nothing_else() {
    let node = Node::start().await;
    let mut held = node.sessions.open(&asked()).await.expect("a grant");
    let mut runs = node.sessions.open(&asked()).await.expect("a grant");
    drop(judge(&mut runs, "sleep 9").await.expect("nothing blocks it"));
    let told = Told::new(Code::Draining, "run it again");
    let drain = async {
        let approval = node.waits_for().await;
        node.sessions.live().end_waiting(&told);
        approval
    };
    let (refused, first) = tokio::join!(judge(&mut held, "reboot"), drain);
    assert_eq!(refused.expect_err("nobody waits"), told);
    held.close("").await;
    assert_eq!(runs.meanwhile(async { 7 }).await, Ok(7), "what runs goes on");
    runs.ended(node_gate::Ending::Exited(0), Counted::default()).await.expect("kept");
    // Judged when the drain had begun: it asks, and is told at once.
    let refused = judge(&mut runs, "reboot").await.expect_err("nobody waits any more");
    assert_eq!(refused, told);
    runs.close("").await;
    node.closed_in_control().await;
    assert_eq!(node.status(first), "withdrawn (node lost)");
    let (asked_for, done) = story(&node).await;
    let (requested, withdrawn) = ("requested second-pair-of-eyes", "withdrawn: node lost");
    // The second may have asked before the first withdrawal was applied: nothing waits for it.
    assert_eq!(asked_for[0], requested);
    let both = asked_for.iter().filter(|line| *line == withdrawn).count();
    assert_eq!((asked_for.len(), both), (4, 2), "{asked_for:?}");
    let refused = |line: &&String| *line == "refused SP-1005";
    assert_eq!(done.iter().filter(refused).count(), 2, "{done:?}");
    assert_eq!(node.closed(), ["drained", "drained"]);
    let ended = ["ApprovalWithdrawn", "SessionClose"];
    assert_eq!(node.told(), [ended, ended].concat(), "never the session's end first");
}

#[tokio::test]
async fn a_policy_that_changes_meanwhile_judges_again() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let change = async {
        let first = node.asked_for().await;
        // Approved under the policy that is replaced, and spent under none.
        node.policy(&POLICY.replace("reboot", "reboot, poweroff")).await;
        let second = node.asked_for().await;
        assert_ne!(first, second);
        assert_eq!(node.status(first), "withdrawn (policy changed)");
        node.rule(second, "bob", Ruling::Approve).await;
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "reboot"), change);
    drop(permit.expect("the second request was approved"));
    session.ended(node_gate::Ending::Exited(0), Counted::default()).await.expect("kept");
    let block = async {
        node.asked_for().await;
        node.policy(&POLICY.replace("programs: [env]", "programs: [env, reboot]")).await;
    };
    let (told, ()) = tokio::join!(judge(&mut session, "reboot"), block);
    assert_eq!(told.expect_err("it is blocked now").code, Code::BlockedByRule);
    let allow = async {
        node.asked_for().await;
        node.policy(&POLICY.replace("programs: [halt]", "programs: [poweroff]")).await;
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "halt"), allow);
    assert_eq!(text(permit.expect("it needs no approval now"), &node), "halt");
    let verdicts: Vec<_> = node
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            Some(Kind::CommandJudged(judged)) => Some((judged.command, judged.verdict)),
            _ => None,
        })
        .collect();
    let expected = [
        (1, Verdict::Hold),
        (1, Verdict::Hold),
        (2, Verdict::Hold),
        (2, Verdict::Block),
        (3, Verdict::Hold),
        (3, Verdict::Allow),
    ];
    assert_eq!(verdicts, expected);
}

#[tokio::test]
async fn what_changes_between_approval_and_spending_is_judged_again() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    node.refuse("ApprovalConsumed", Answer::Never);
    let change = async {
        let first = node.asked_for().await;
        node.rule(first, "bob", Ruling::Approve).await;
        tokio::task::yield_now().await;
        node.policy(&POLICY.replace("reboot", "reboot, poweroff")).await;
        let second = node.asked_for().await;
        assert_ne!(first, second);
        node.heal();
        node.rule(second, "bob", Ruling::Approve).await;
        assert_eq!(node.status(first), "withdrawn (policy changed)");
    };
    let (permit, ()) = tokio::join!(judge(&mut session, "reboot"), change);
    drop(permit.expect("the second request was approved"));
}

#[tokio::test]
async fn an_approval_of_a_session_holds_for_a_time() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let approve = async || {
        let approval = node.asked_for().await;
        node.rule(approval, "bob", Ruling::Approve).await;
        approval
    };
    let (permit, first) = tokio::join!(judge(&mut session, "psql -c 1"), approve());
    drop(permit.expect("approved"));
    session.ended(node_gate::Ending::Exited(0), Counted::default()).await.expect("kept");
    // Another command of the session that the same rule holds: spent again, nobody asked.
    drop(judge(&mut session, "psql -c 2").await.expect("it is covered"));
    session.ended(node_gate::Ending::Exited(0), Counted::default()).await.expect("kept");
    let consumed = |line: &String| *line == "consumed";
    assert_eq!(story(&node).await.0.into_iter().filter(consumed).count(), 2);
    // What another rule holds too is not covered.
    let (permit, second) = tokio::join!(judge(&mut session, "psql -c 3; reboot"), approve());
    drop(permit.expect("approved"));
    assert_ne!(first, second);
    session.ended(node_gate::Ending::Exited(0), Counted::default()).await.expect("kept");
    // Taken back, it is asked for anew.
    let (by, reason) = (By::Person(name("bob")), "no".to_owned());
    let revocation = ApprovalRevocation { approval: first, by, reason };
    node.propose(Entry::ApprovalRevoked(revocation)).await;
    let (permit, third) = tokio::join!(judge(&mut session, "psql -c 4"), approve());
    drop(permit.expect("approved"));
    assert_ne!(first, third);
}

#[tokio::test]
async fn a_lock_set_while_it_waits_is_stronger_than_an_approval() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let lock = async {
        let approval = node.asked_for().await;
        node.lock(LockScope::Person(name("alice"))).await;
        approval
    };
    let (told, approval) = tokio::join!(judge(&mut session, "reboot"), lock);
    let told = told.expect_err("Alice is locked out");
    assert_eq!(told.code, Code::Locked);
    assert!(!told.text.contains("secret reason"), "{told}");
    session.close("").await;
    node.closed_in_control().await;
    assert_eq!(node.status(approval), "withdrawn (session ended)");
}

#[tokio::test(start_paused = true)]
async fn what_the_control_plane_does_not_answer() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    let check = async |session: &mut Session, kind, answer, code: Code| {
        node.refuse(kind, answer);
        let approve = async {
            if kind == "ApprovalConsumed" {
                let approval = node.asked_for().await;
                node.rule(approval, "bob", Ruling::Approve).await;
            }
        };
        let (told, ()) = tokio::join!(judge(session, "reboot"), approve);
        assert_eq!(told.expect_err("nothing is certain").code, code);
        node.heal();
    };
    let no_quorum = || Answer::Error(ControlError::NoQuorum);
    let stopped = || Answer::Error(ControlError::Unavailable("stopped".to_owned()));
    check(&mut session, "ApprovalRequested", no_quorum(), Code::NoQuorum).await;
    check(&mut session, "ApprovalRequested", stopped(), Code::RecordUnavailable).await;
    check(&mut session, "ApprovalConsumed", stopped(), Code::RecordUnavailable).await;
    // Spent or not: once or never, so never. The approval is gone all the same.
    check(&mut session, "ApprovalConsumed", Answer::Lost, Code::OutcomeUnknown).await;
    let (asked_for, done) = story(&node).await;
    assert_eq!(asked_for.last().map(String::as_str), Some("consumed"));
    assert_eq!(done.last().map(String::as_str), Some("refused SP-1509"));
    assert!(!done.contains(&"released".to_owned()), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn no_majority_to_spend_it_is_tried_again_with_the_next_contact() {
    let node = Node::start().await;
    let mut session = node.sessions.open(&asked()).await.expect("a grant");
    node.contact();
    node.refuse("ApprovalConsumed", Answer::Error(ControlError::NoQuorum));
    let approve = async {
        let approval = node.asked_for().await;
        node.rule(approval, "bob", Ruling::Approve).await;
        tokio::time::sleep(T).await;
        node.heal();
        node.contact();
        approval
    };
    let (permit, approval) = tokio::join!(judge(&mut session, "reboot"), approve);
    assert_eq!(text(permit.expect("it waited"), &node), "reboot");
    assert_eq!(node.status(approval), "used up");
}
