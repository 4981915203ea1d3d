//! FAULTS 18: what a client may try with the protocol itself. Each line is what is sent and what
//! comes back; `Z` ends an answer, and says what became of the transaction.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::Result;
use chaos_tests::live::wire::{Message, Wire, bind, bytes, describe, execute, parse, query, sync};
use chaos_tests::live::{DatabaseScene, SHORT, until};

use super::scene;

const DROP: &str = "drop table customers";
const EMAIL: &str = "select email from customers where id = 1";

#[track_caller]
fn check(wire: &mut Wire, messages: &[Message], expected: &str) -> Result<()> {
    assert_eq!(wire.ask(messages)?, expected);
    Ok(())
}

#[test]
fn what_is_blocked_leaves_the_protocol_whole() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected| check(&mut wire, messages, expected);
    let blocked = "E(42501,SP-1201) ZI";
    check(&[query("select 1; drop table customers; select 2")], blocked)?;
    check(&[query("select 1")], "T D[1] C(SELECT-1) ZI")?;
    let run = |name, sql| vec![parse(name, sql), bind("", name, &[], false), execute("", 0)];
    let synced = |mut messages: Vec<Message>| {
        messages.push(sync());
        messages
    };
    check(&synced(run("", "select 7")), "1 2 D[7] C(SELECT-1) ZI")?;
    // A value can be what is blocked: its statement was prepared, and never runs with it.
    let with_value = [parse("", "select $1::text"), bind("", "", &["drop table x"], false)];
    check(&synced([&with_value[..], &[execute("", 0)]].concat()), "1 E(42501,SP-1201) ZI")?;
    // Were the blocked Parse dropped alone, what comes behind it would run the statement before.
    check(&synced(run("", DROP)), blocked)?;
    let again = [bind("", "", &[], false), execute("", 0), sync()];
    check(&again, "E(26000,SP-1503) ZI")?;
    let mut pipeline = run("", "select 8");
    pipeline.extend(run("", DROP));
    pipeline.extend(run("", "select 9"));
    check(&synced(pipeline), "1 2 D[8] C(SELECT-1) E(42501,SP-1201) ZI")?;
    // What was done before it within the same implicit transaction is undone, as by any error.
    let mut pipeline = run("", "create table undone(a int)");
    pipeline.push(parse("", DROP));
    check(&synced(pipeline), "1 2 C(CREATE-TABLE) E(42501,SP-1201) ZI")?;
    check(&[query("select * from undone")], "E(42P01) ZI")?;
    check(&[query("begin")], "C(BEGIN) ZT")?;
    check(&[query(DROP)], "E(42501,SP-1201) ZE")?;
    check(&[query("rollback")], "C(ROLLBACK) ZI")?;
    check(&[query("begin"), query("select 1"), query("commit")], "C(BEGIN) ZT")?;
    check(&[query("select 2")], "T D[1] C(SELECT-1) ZT")?;
    assert_eq!(wire.heard(b'Z')?, "C(COMMIT) ZI");
    assert_eq!(wire.heard(b'Z')?, "T D[2] C(SELECT-1) ZI");
    a_cursor_is_no_way_out(&mut wire)?;
    assert!(!scene.postgres.log()?.contains("drop table"));
    Ok(())
}

/// A refused statement fails because a portal is run that there is not. SQL can make portals too.
fn a_cursor_is_no_way_out(wire: &mut Wire) -> Result<()> {
    let name = "sallyport: a statement was refused";
    assert_eq!(wire.ask(&[query("begin")])?, "C(BEGIN) ZT");
    let cursor = format!("declare \"{name}\" cursor for select 7");
    assert_eq!(wire.ask(&[query(&cursor)])?, "C(DECLARE-CURSOR) ZT");
    assert_eq!(wire.ask(&[query(DROP)])?, "E(42501,SP-1201) ZE");
    assert_eq!(wire.ask(&[query("rollback")])?, "C(ROLLBACK) ZI");
    // What is no text in UTF-8 is not taken for what the gateway says of a text.
    for bytes in [&b"\xff\0"[..], b"\xff\0select 1\0", b"\xffsrole\0x\0\0select 1\0"] {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or_default();
        let said = wire.ask(&[(b'Q', bytes[..=end].to_vec())])?;
        assert_eq!(said, "E(08P01,SP-1011) ZI", "{bytes:?}");
    }
    Ok(())
}

#[test]
fn data_may_come_right_behind_its_copy() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected| check(&mut wire, messages, expected);
    let data = |text: &str| (b'd', text.as_bytes().to_vec());
    let (copy, done) = ("copy c from stdin", (b'c', Vec::new()));
    check(&[query("create temp table c(a int, b text)")], "C(CREATE-TABLE) ZI")?;
    check(&[query(copy), data("7\tx\n"), done.clone()], "G C(COPY-1) ZI")?;
    check(&[query(copy), data("seven\tx\n"), done.clone()], "G E(22P02) ZI")?;
    // Nobody asked for it: it is passed over.
    check(&[data("8\ty\n"), done.clone(), query("select * from c")], "T D[7,x] C(SELECT-1) ZI")?;
    let run = [parse("", copy), bind("", "", &[], false), execute("", 0)];
    let behind = [data("8\ty\n"), done.clone(), sync()];
    check(&[&run[..], &behind].concat(), "1 2 G C(COPY-1) ZI")?;
    // As libpq does it: the first Sync is among the data, and not answered.
    check(&[&run[..], &[sync()], &behind].concat(), "1 2 G C(COPY-1) ZI")?;
    check(&[query("select count(*) from c")], "T D[3] C(SELECT-1) ZI")?;
    let failing = [data("nine\ty\n"), done, sync()];
    check(&[&run[..], &[sync()], &failing].concat(), "1 2 G E(22P02) ZI")?;
    check(&[query("select count(*) from c")], "T D[3] C(SELECT-1) ZI")
}

#[test]
fn names_run_what_was_judged_under_them() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected| check(&mut wire, messages, expected);
    check(&[parse("s", EMAIL), sync()], "1 ZI")?;
    let run = [bind("", "s", &[], false), execute("", 0), sync()];
    check(&run, "2 D[***@******e.com] C(SELECT-1) ZI")?;
    // A second Parse under the same name fails; the name still means the first.
    check(&[parse("s", "select 2"), sync()], "E(42P05) ZI")?;
    check(&run, "2 D[***@******e.com] C(SELECT-1) ZI")?;
    // SQL takes the name away and gives it to something else: it means that then.
    check(&[query("deallocate s")], "C(DEALLOCATE) ZI")?;
    check(&run, "E(26000,SP-1503) ZI")?;
    check(&[query("prepare s as select 'other'")], "C(PREPARE) ZI")?;
    check(&run, "2 D[other] C(SELECT-1) ZI")?;
    check(&[execute("nothing", 0), sync()], "E(26000,SP-1503) ZI")?;
    // Portals that are read in pieces, also two at a time.
    check(&[query("begin")], "C(BEGIN) ZT")?;
    let series = "select generate_series(1, 4)";
    let first = [parse("", series), bind("p", "", &[], false), execute("p", 2), sync()];
    check(&first, "1 2 D[1] D[2] s ZT")?;
    check(&[execute("p", 1), sync()], "D[3] s ZT")?;
    check(
        &[bind("q", "", &[], false), execute("q", 1), execute("p", 9), sync()],
        "2 D[1] s D[4] C(SELECT-1) ZT",
    )?;
    check(&[query("commit")], "C(COMMIT) ZI")?;
    check(&[execute("p", 1), sync()], "E(26000,SP-1503) ZI")?;
    check(&[parse("", "selekt"), bind("", "", &[], false), execute("", 0), sync()], "E(42601) ZI")?;
    Ok(())
}

#[test]
fn values_are_masked_in_either_format() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let mut check = |messages: &[Message], expected| check(&mut wire, messages, expected);
    let run = |sql, binary| {
        vec![parse("", sql), bind("", "", &[], binary), describe(b'P', ""), execute("", 0), sync()]
    };
    check(&run(EMAIL, false), "1 2 T D[***@******e.com] C(SELECT-1) ZI")?;
    check(&run(EMAIL, true), "1 2 T D[***@******e.com] C(SELECT-1) ZI")?;
    check(
        &run("select n, id from customers where id = 1", true),
        "1 2 T D[\\0\\0\\0\\0\\0\\0\\0\\7,\\0\\0\\0\\1] C(SELECT-1) ZI",
    )?;
    let json = "select jsonb_build_object('a', email) from customers where id = 1";
    check(&run(json, true), "1 2 T D[\\1{\"a\":\\20\"***@******e.com\"}] C(SELECT-1) ZI")?;
    // What has lengths within itself comes out whole or not at all.
    check(
        &run("select array[email] from customers where id = 1", true),
        "1 2 T D[null] C(SELECT-1) ZI",
    )?;
    let undescribed = [parse("", EMAIL), bind("", "", &[], true), execute("", 0), sync()];
    check(&undescribed, "1 2 D[null] C(SELECT-1) ZI")?;
    check(
        &[query("copy (select 1, email from customers where id = 1) to stdout binary")],
        "H d d c C(COPY-1) ZI",
    )?;
    Ok(())
}

#[test]
fn what_is_refused_whatever_the_policy_says() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    check(&mut wire, &[(b'F', vec![0, 0, 6, 62, 0, 0, 0, 0, 0, 0])], "E(0A000,SP-1002) ZI")?;
    check(&mut wire, &[query("select 1")], "T D[1] C(SELECT-1) ZI")?;
    let long = format!("select 1 -- {}", "x".repeat(1_100_000));
    check(&mut wire, &[query(&long)], "E(54000,SP-1206) ZI")?;
    for setting in ["client_encoding = 'SJIS'", "standard_conforming_strings = off"] {
        let mut wire = scene.wire()?;
        check(&mut wire, &[query(&format!("set {setting}"))], "E(22023,SP-1009) closed")?;
    }
    // The database says that it reads strings otherwise no sooner than at a Sync: until then, texts
    // that it may read otherwise than the gateway are not taken.
    let mut wire = scene.wire()?;
    let run = |sql: &str| vec![parse("", sql), bind("", "", &[], false), execute("", 0)];
    let off = "select set_config('standard_conforming_strings', 'off', false)";
    let mut pipeline = run(off);
    pipeline.extend(run("select '\\', 'drop table customers'"));
    pipeline.push(sync());
    let said = wire.ask(&pipeline)?;
    assert_eq!(said, "1 2 D[off] C(SELECT-1) E(22023,SP-1009) ZI");
    let mut pipeline = run(off);
    pipeline.push(sync());
    pipeline.extend(run("select '\\'"));
    pipeline.push(sync());
    let said = wire.ask(&pipeline)?;
    assert!(said.ends_with("E(22023,SP-1009) closed") && !said.contains("\\5c"), "{said}");
    let mut wire = scene.wire()?;
    check(&mut wire, &[query("select repeat('x', 70000000)")], "E(54000,SP-1010) closed")?;
    for (length, expected) in [
        (u32::MAX, "E(54000,SP-1010) closed"),
        (0, "E(08P01,SP-1011) closed"),
        (3, "E(08P01,SP-1011) closed"),
        ((1 << 31) - 1, "E(54000,SP-1010) closed"),
        (1 << 31, "E(54000,SP-1010) closed"),
    ] {
        let mut wire = scene.wire()?;
        wire.send(&[&b"Q"[..], &length.to_be_bytes(), b"select"].concat())?;
        assert_eq!(wire.heard(b'Z')?, expected, "{length}");
    }
    Ok(())
}

/// Connects and says something before anybody logged in; what comes back in a while.
fn knock(scene: &DatabaseScene, said: &[u8]) -> Result<Vec<u8>> {
    let (host, port) = scene.address()?;
    let mut stream = TcpStream::connect(format!("{host}:{port}"))?;
    stream.set_read_timeout(Some(SHORT))?;
    stream.write_all(said)?;
    let mut heard = Vec::new();
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(heard),
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
        }
        if heard == b"N" {
            return Ok(heard);
        }
    }
}

#[test]
fn what_comes_first_is_not_believed() -> Result<()> {
    let scene = scene()?;
    for length in [0, 3, 7, 10_001, (1 << 31) - 1, u32::MAX] {
        let said = [&length.to_be_bytes()[..], &[0; 64]].concat();
        assert_eq!(knock(&scene, &said)?, b"", "{length}");
    }
    let number = |number: u32| [&8_u32.to_be_bytes()[..], &number.to_be_bytes()].concat();
    assert_eq!(knock(&scene, &number(80_877_104))?, b"N");
    // What is sent ahead of TLS is never taken for a message: TLS does not come about by it.
    let smuggled = [number(80_877_103), bytes(&[query("select 1")])].concat();
    let heard = knock(&scene, &smuggled)?;
    assert!(heard.starts_with(b"S\x15"), "{heard:?}");
    assert_eq!(knock(&scene, &number(2 << 16))?, b"");
    Ok(())
}

#[test]
fn messages_may_be_split_anywhere() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let said = bytes(&[
        parse("", EMAIL),
        bind("", "", &[], false),
        describe(b'P', ""),
        execute("", 0),
        sync(),
    ]);
    for byte in &said {
        wire.send(&[*byte])?;
    }
    assert_eq!(wire.heard(b'Z')?, "1 2 T D[***@******e.com] C(SELECT-1) ZI");
    Ok(())
}

/// Asks to end what runs for a key.
pub(super) fn cancel(scene: &DatabaseScene, process: u32, secret: &[u8]) -> Result<()> {
    let length = u32::try_from(12 + secret.len())?;
    let numbers = [length, 80_877_102, process].map(u32::to_be_bytes).concat();
    knock(scene, &[&numbers, secret].concat()).map(drop)
}

#[test]
fn cancel_needs_the_key_that_was_given() -> Result<()> {
    let scene = scene()?;
    let mut wire = scene.wire()?;
    let (process, secret) = wire.key.clone();
    let cancel = |secret: &[u8]| cancel(&scene, process, secret);
    let runs = |which: &str| {
        until("it runs", SHORT, || {
            let running = format!(
                "select 1 from pg_stat_activity where usename = 'app' and state = 'active' \
                 and {which}"
            );
            Ok((scene.postgres.sql("postgres", "postgres", &running)? == "1").then_some(()))
        })
    };
    // What waits for a lock goes on when that is let go, unless the guess ended it: a request that
    // comes before its statement runs would end nothing anyhow.
    let (mut other, lock) = (scene.wire()?, "select pg_advisory_lock(7)");
    check(&mut other, &[query(lock)], "T D[] C(SELECT-1) ZI")?;
    wire.send(&bytes(&[query(lock)]))?;
    runs("wait_event_type = 'Lock'")?;
    let guessed: Vec<u8> = secret.iter().map(|byte| !byte).collect();
    cancel(&guessed)?;
    check(&mut other, &[query("select pg_advisory_unlock(7)")], "T D[t] C(SELECT-1) ZI")?;
    assert_eq!(wire.heard(b'Z')?, "T D[] C(SELECT-1) ZI");
    wire.send(&bytes(&[query("select pg_sleep(600)")]))?;
    // It runs once its columns were described.
    runs("query like '%pg_sleep(600)'")?;
    cancel(&secret)?;
    assert_eq!(wire.heard(b'Z')?, "T E(57014) ZI");
    // A held statement is withdrawn by it, and nothing of it runs.
    wire.send(&bytes(&[query("update customers set name = 'Eve'")]))?;
    assert_eq!(wire.heard(b'N')?, "N");
    cancel(&secret)?;
    assert_eq!(wire.heard(b'Z')?, "N E(57014,SP-1209) ZI");
    check(&mut wire, &[query("select 1")], "T D[1] C(SELECT-1) ZI")?;
    assert!(!scene.postgres.log()?.contains("update customers"));
    Ok(())
}
