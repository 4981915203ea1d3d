//! The file that lets a node join.

use proto::ids::Digest;
use proto::peer::Secret;

use super::name;
use crate::join::{JOIN_FILE_LIMIT, JoinFile};
use crate::random::new_secret;

fn file() -> JoinFile {
    JoinFile {
        cluster: name("prod"),
        seeds: vec!["gw-1.internal:7400".to_owned(), "192.0.2.2:7400".to_owned()],
        authority: Digest([0xab; 32]),
        secret: Secret::new([0x11; 32]),
    }
}

#[test]
fn it_is_one_line_that_is_read_back() {
    let text = file().to_text().unwrap();
    assert_eq!(
        text.as_str(),
        "{\"version\":1,\"cluster\":\"prod\",\"seeds\":[\"gw-1.internal:7400\",\"192.0.2.2:7400\"],\
         \"authority\":\"abababababababababababababababababababababababababababababababab\",\
         \"secret\":\"ERERERERERERERERERERERERERERERERERERERERERE\"}\n"
    );
    assert_eq!(JoinFile::from_text(&text), Ok(file()));
}

#[test]
fn what_is_wrong_with_it_is_said_without_its_secret() {
    let good = file().to_text().unwrap();
    let check = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from}");
        let said = JoinFile::from_text(&good.replace(from, to)).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("ERERER"), "{said}");
    };
    check("\"version\":1", "\"version\":2", "version 2 is not 1");
    check("\"cluster\":\"prod\"", "\"cluster\":\"../etc\"", "wrong");
    check("\"cluster\":\"prod\"", "\"clutter\":\"prod\"", "unknown");
    check("[\"gw-1.internal:7400\",\"192.0.2.2:7400\"]", "[]", "no address");
    check("abab\"", "abax\"", "wrong");
    check("\"secret\":\"ERER", "\"secret\":[\"ERER", "wrong");
    check("ERERE\"", "ERE\"", "not 32 bytes");
    check("ERERE\"", "ERERERERERE\"", "not 32 bytes");
    check("ERERE\"", "ER+RE\"", "not 32 bytes");
    check("}", "", "no JSON");
    let large = format!("{}{}", good.as_str(), " ".repeat(JOIN_FILE_LIMIT));
    assert!(JoinFile::from_text(&large).unwrap_err().to_string().contains("too large"));
    assert!(JoinFile { seeds: Vec::new(), ..file() }.to_text().is_err());
    let many = vec!["192.0.2.2:7400".to_owned(); 65];
    assert!(JoinFile { seeds: many, ..file() }.to_text().is_err());
}

#[test]
fn its_secret_is_not_printed_and_known_by_its_digest() {
    let printed = format!("{:?}", file());
    assert!(printed.contains("prod") && !printed.contains("17, 17"), "{printed}");
    let digest = "02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc";
    assert_eq!(file().secret_digest().to_string(), digest);
    assert_ne!(new_secret().unwrap(), new_secret().unwrap());
}
