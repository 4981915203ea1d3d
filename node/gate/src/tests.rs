//! The gate, told in conversations: `>` is what it is told, `<` is what it does.
//!
//! Each file of `scripts/` is one conversation: policies, between them `+++`, then `---` and what is
//! said. The first policy is in force from the start. What the gate may be told: `command TEXT`,
//! in a terminal (when the policy grants nothing else) `opens`, `line TEXT`, `password`, in a file
//! transfer `opens`, `asks WORDS`, `answered N`, `transferred N`, `content TEXT`, where forwards are
//! granted alone `opens`, `connects ADDRESS`, `listens ADDRESS`, `carried N`, `came N`, `carries`
//! (the next permit is asked for what a forward may carry),
//! `recorded` (the receipt that it waits for), `recorded weakly` (a receipt that proves too
//! little), `recorded replicated` (the stream has it too), `recorded otherwise` (the receipt of another event), `not recorded`, `started`,
//! `output TEXT`, `errors TEXT`, `input passes`, `output ends`, `exits N`, `client leaves`, `waits SECONDS`,
//! `stream up`, `stream down`, `contact` (there is contact now; there was at the start), `policy N` (that one is in force),
//! `groups NAMES` (Alice is in these now), `approved ID`, `consumed` (what was to be spent is),
//! `consumed of other bytes`, `consumed under policy N`, `consumed ID`, `not approved CODE`,
//! `withdrawn`, `closes`. In texts `\n` is a newline and `{github}` a fresh token.

mod consumption;
mod leash;
mod script;
mod sql;
mod values;

use std::path::Path;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("scripts are beside the sources")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 15, "only {} scripts", files.len());
    for file in files {
        script::check(&file);
    }
}
