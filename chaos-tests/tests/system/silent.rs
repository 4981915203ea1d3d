//! A journal that never acknowledges: a real client asks, and a real target hears nothing.

use anyhow::Result;
use store_log::RefusedBecause;
use store_log::memory::Answers;

use crate::within::{self, Choice, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_forwarded_without_an_acknowledgement() -> Result<()> {
    let parts = within::start(Choice::default()).await?;
    let good = run(&parts.client, "echo good").await?;
    assert_eq!((good.status, good.text()), (Some(0), "good\n".to_owned()), "{}", good.errors);
    for (answers, code) in [
        (Answers::Never, "SP-1403"),
        (Answers::Refused(RefusedBecause::Full), "SP-1402"),
        (Answers::Refused(RefusedBecause::Stopped), "SP-1401"),
    ] {
        parts.events.answer(answers);
        let ended = run(&parts.client, "echo bad").await?;
        assert_eq!(ended.text(), "", "{answers:?}");
        assert!(ended.status != Some(0), "{answers:?}: {ended:?}");
        let logged_in = !ended.errors.contains("Permission denied");
        assert!(!logged_in || ended.errors.contains(code), "{answers:?}: {ended:?}");
    }
    parts.events.answer(Answers::AtOnce);
    let commands: Vec<_> = parts.target.log()?.into_iter().map(|ran| ran.command).collect();
    assert_eq!(commands, ["echo good"], "the target heard of nothing else");
    Ok(())
}
