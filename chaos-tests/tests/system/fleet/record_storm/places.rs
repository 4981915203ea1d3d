//! O8 over everything that keeps a part of the record: what clients saw, events, both streams, the
//! broker's disk, the nodes' disks and logs, and the rows of the database.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use chaos_tests::invariants::Events;
use chaos_tests::invariants::in_stream_once::Streamed;
use chaos_tests::invariants::no_secret_anywhere::Places;
use chaos_tests::invariants::views_equal::Kept;
use chaos_tests::live::fleet::Fleet;

use super::people::People;

/// Looks everywhere for the secrets that the target printed.
pub(super) fn search(
    fleet: &Fleet,
    people: &People<'_>,
    record: &Events,
    streams: &[&[Streamed]],
    homes: &[Kept],
) -> Result<()> {
    let mut places = Places::default();
    super::seen(people, |seen| {
        for (place, bytes) in &seen.outputs {
            places.add(place.clone(), bytes.clone());
        }
    });
    places.add_events("the record", record);
    for stream in streams {
        let lines: Vec<_> = stream.iter().map(|one| String::from_utf8_lossy(&one.bytes)).collect();
        let streamed = Events::read(lines.iter().map(AsRef::as_ref));
        places.add_events("the stream", &streamed.map_err(|wrong| anyhow!("{wrong:?}"))?);
    }
    for file in fleet.broker(|broker| broker.files())? {
        // Others may go while they are looked at.
        if let Ok(bytes) = fs::read(&file) {
            places.add_sparse(format!("the broker's {}", file.display()), &bytes);
        }
    }
    for kept in homes {
        for row in &kept.rows {
            places.add(format!("a row of {}", kept.home), serde_json::to_vec(row)?);
        }
    }
    for gateway in fleet.gateways() {
        places.add(format!("the log of {}", gateway.name()), gateway.logged()?);
        add_files(&mut places, &gateway.data())?;
    }
    let hidden: Vec<_> = people.secrets.iter().map(|secret| secret.secret.as_str()).collect();
    let found = places.violations(&hidden);
    ensure!(found.is_empty(), "O8: {}", found.join("\n"));
    // The oracle can see: what is printed beside the secrets is in what it looked at.
    let plain = places.violations(&["first\\n", "first\n"]);
    for place in ["the stream", "the record", "the broker's"] {
        ensure!(plain.iter().any(|plain| plain.contains(place)), "nothing was seen in {place}");
    }
    Ok(())
}

fn add_files(places: &mut Places, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            add_files(places, &path)?;
        } else if let Ok(bytes) = fs::read(&path) {
            places.add_sparse(path.display().to_string(), &bytes);
        }
    }
    Ok(())
}
