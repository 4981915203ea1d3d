//! What each detector finds, and what it leaves alone.

use super::*;

/// Masked by `detector` alone, between other text: `keep` stays, each byte of `secret` is a star.
#[track_caller]
fn finds(detector: &str, keep: &str, secret: &str) {
    let plan = by_default();
    for (before, after) in
        [("", ""), ("a ", " b\n"), ("[\"", "\", 1]"), ("'", "'\r\n"), ("\\n", "\\n")]
    {
        let input = format!("{before}{keep}{secret}{after}");
        let (masked, findings) = every_split(&plan, input.as_bytes());
        let expected = format!("{before}{keep}{}{after}", stars(secret.len()));
        assert_eq!(masked, expected);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((&*finding.detector, &*finding.rule), (detector, "default"));
        assert_eq!(finding.offset, (before.len() + keep.len()) as u64);
        assert_eq!(finding.length, secret.len() as u64);
        assert_eq!(finding.action, "redact");
        check_same(&masked);
    }
}

#[track_caller]
fn check_same(input: &str) {
    check(&by_default(), input, input);
}

#[track_caller]
fn check_default(input: &str, expected: &str) {
    check(&by_default(), input, expected);
}

#[test]
fn tokens_with_a_public_prefix() {
    for prefix in ["AKIA", "ASIA", "ABIA", "ACCA"] {
        finds("aws-access-key-id", prefix, &upper(16));
    }
    for prefix in ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"] {
        finds("github-token", prefix, &alnum(36));
    }
    finds("github-token", "github_pat_", &format!("{}_{}", alnum(22), alnum(59)));
    for prefix in ["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glagent-", "gloas-"] {
        finds("gitlab-token", prefix, &alnum(20));
    }
    finds("gitlab-token", "glpat-", &format!("{}.01.{}", alnum(27), "0w1abcdef"));
    finds("slack-token", "xoxb-", &format!("123456789012-123456789012-{}", alnum(24)));
    finds("slack-token", "xapp-", &format!("1-A0123456789-1234567890123-{}", alnum(64)));
    finds("stripe-key", "sk_live_", &alnum(24));
    finds("stripe-key", "rk_test_", &alnum(99));
    finds("stripe-key", "whsec_", &alnum(32));
    finds("npm-token", "npm_", &alnum(36));
    finds("pypi-token", "pypi-AgE", &format!("IcHlwaS5vcmc{}", alnum(140)));
}

#[test]
fn what_only_resembles_a_token() {
    check_same("commit 9fceb02d0ae598e95dc970b74767f19372d61af8 by ghp_ and npm_config_registry");
    check_same("task disk_test_performance risk_live_environment");
    check_same(&format!("{}AKIA{}", "x", upper(16)));
    check_same(&format!("AKIA{}", upper(17)));
    check_same(&format!("AKIA{}", upper(15)));
    check_same(&format!("ghp_{}", alnum(35)));
    check_same(&format!("GHP_{}", alnum(36)));
}

#[test]
fn web_tokens() {
    let (head, claims, signature) = (alnum(33), alnum(50), alnum(43));
    finds("jwt", "eyJ", &format!("{head}.eyJ{claims}.{signature}"));
    finds("jwt", "eyJ", &format!("{head}.{claims}.{claims}.{claims}.{signature}"));
    let sentence = format!("It is eyJ{head}.eyJ{claims}.{signature}. Then");
    let masked = stars(head.len() + claims.len() + signature.len() + 5);
    check_default(&sentence, &format!("It is eyJ{masked}. Then"));
    check_same("eyJ eyJhbGciOiJ eyJhbGciOiJI.short and eyJhbGciOiJIUzI1NiJ9/x");
}

#[test]
fn private_keys() {
    let line = alnum(64);
    let hidden = stars(64);
    let ec = "EC PRIVATE KEY";
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
    {
        check_default(
            &format!("x\n-----BEGIN {label}-----\n{line}\n{line}=\n-----END {label}-----\ny\n"),
            &format!("x\n-----BEGIN {label}-----\n{hidden}\n{hidden}*\n-----END {label}-----\ny\n"),
        );
    }
    check_default(
        &format!("-----BEGIN {ec}-----\n{line}\n--x-----EN-------\nlost"),
        &format!("-----BEGIN {ec}-----\n{hidden}\n{}\n****", stars(17)),
    );
    check_default(
        concat!("-----BEGIN ", "EC PRIVATE KEY-----\nab-------END EC"),
        concat!("-----BEGIN ", "EC PRIVATE KEY-----\n****-----END EC"),
    );
    check_same(&format!("-----BEGIN CERTIFICATE-----\n{line}\n-----END CERTIFICATE-----\n"));
    check_same("-----BEGIN lower PRIVATE KEY-----\nbody");
    check_default(
        &format!(
            "{{\"private_key\": \"{PEM_BEGIN}\\n{line}\\n-----END PRIVATE KEY-----\\n\", \"a\": 1}}"
        ),
        &format!("{{\"private_key\": \"{}\", \"a\": 1}}", stars(27 + 2 + 64 + 2 + 25 + 2)),
    );
}

#[test]
fn passwords_in_urls() {
    for (input, expected) in [
        (concat!("postgres://app:", "hunter2@db:5432/x"), "postgres://app:*******@db:5432/x"),
        (concat!("redis://:", "hunter2@cache"), "redis://:*******@cache"),
        (concat!("see https://a:", "p@ss@host/ now"), "see https://a:****@host/ now"),
        (concat!("mongodb+srv://u:", "pä:ss@h?x"), "mongodb+srv://u:******@h?x"),
        (concat!("\"amqp://u:", "secret@h\""), "\"amqp://u:******@h\""),
    ] {
        check_default(input, expected);
    }
    for same in [
        "http://localhost:8080/path@x",
        "http://localhost:8080",
        "https://host/a:b@c",
        "https://user@host/ and https://u:@host and http://[::1]:80/",
        "postgres://app:${DB}@db postgres://app:<pass>@db postgres://app:***@db",
        "://a:b@c",
    ] {
        check_same(same);
    }
}

#[test]
fn values_beside_a_key() {
    for (input, expected) in [
        ("password=a", "password=*"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=******* psql"),
        ("export DB_PASSWORD='hun ter'; x", "export DB_PASSWORD='*******'; x"),
        ("MYSQL_PWD=hunter2", "MYSQL_PWD=*******"),
        ("pwd=hunter2;uid=sa", "pwd=*******;uid=sa"),
        ("password: Summer(2024)!", "password: ***********)!"),
        ("password=key_of(x)", "password=********)"),
        ("const password = 'key_of'", "const password = '******'"),
        ("password: a.b.c", "password: *****"),
        ("Server=db;Password=hunter2;X=y", "Server=db;Password=*******;X=y"),
        ("MY_API_TOKEN: abcdefg1", "MY_API_TOKEN: ********"),
        ("password: hunter\n", "password: ******\n"),
        ("{\"password\": \"hun\\\"ter\", \"x\": 1}", "{\"password\": \"********\", \"x\": 1}"),
        ("{\"apiToken\":\"abcd\"}", "{\"apiToken\":\"****\"}"),
        ("{\\\"password\\\": \\\"hunter2\\\", 1}", "{\\\"password\\\": \\\"*******\\\", 1}"),
        ("{'client_secret': 'x y'}", "{'client_secret': '***'}"),
        ("?access_token=abc&x=1", "?access_token=***&x=1"),
        ("?token=abcd&x=1", "?token=****&x=1"),
        ("api_key => \"k\"", "api_key => \"*\""),
        ("config['secret'] = 'abcd'", "config['secret'] = '****'"),
        ("x-api-key: k1", "x-api-key: **"),
        ("_authToken=abc", "_authToken=***"),
        ("\"auth\": \"dXNlcjpw\"", "\"auth\": \"********\""),
        ("password=pässword x", "password=********* x"),
        ("login(password=abc)", "login(password=***)"),
        ("passwd=hunter2,x", "passwd=*******,x"),
        ("private_key: abc", "private_key: ***"),
        ("secret := \"abcd\"", "secret := \"****\""),
        ("\u{1b}[1mpassword=ab\u{1b}[0m", "\u{1b}[1mpassword=**\u{1b}[0m"),
        ("token: password=abc", "token: password=***"),
        ("auth_token=Bearer  abc x", "auth_token=*********** x"),
        ("password=basic", "password=*****"),
        // Only what is code as a whole stays.
        ("password: iffy-pass", "password: *********"),
        ("password: Nonesuch7", "password: *********"),
        ("password: match-box", "password: *********"),
        ("password: ab1::cd2", "password: ********"),
        ("password: a-b::c", "password: ******"),
        ("type password: hunter2", "type password: *******"),
        ("\"token\": \"Bearer abc\"", "\"token\": \"Bearer ***\""),
        ("UID=sa;PWD=hunter2", "UID=sa;PWD=*******"),
        ("Pwd=hunter2;Uid=sa", "Pwd=*******;Uid=sa"),
        ("{\"log\":\"x\\ntoken=abcd\"}", "{\"log\":\"x\\ntoken=****\"}"),
    ] {
        check_default(input, expected);
    }
    let secret = alnum(40);
    check_default(
        &format!("aws_secret_access_key = {secret}\n"),
        &format!("aws_secret_access_key = {}\n", stars(40)),
    );
    let (_, findings) = every_split(&by_default(), format!("SecretAccessKey: {secret}").as_bytes());
    assert_eq!(findings.iter().map(|f| &*f.detector).collect::<Vec<_>>(), ["aws-secret-key"]);
}

#[test]
fn values_that_stay() {
    for same in [
        "the token was refused, a token is needed; password policy",
        "token: expired\nunexpected token: foo\nauth: user logged in",
        "PWD=/home/me\nOLDPWD=/tmp\nPWD: /x",
        "Password: ",
        "Password:\nnext line",
        "password=\nnext=1",
        "password=<password> token=${TOKEN} secret=$SECRET password={{ .Values.password }}",
        "password=*** password=null token: null password: \"\" password=''",
        "password_file=/etc/x passwords=3 tokens: 5000 max_tokens=4096 author=me",
        "let token = lexer.next(); if token == expected {",
        "Token::new secret::Key password==x",
        "passwd: password updated successfully",
        "auth=yes token=abc secret=x",
        "secret: {\npassword: [",
        "password: string; api_key: str",
        "broken=abcdef authorship=12345678",
        "let password = prompt; pub password: String,\npub(crate) api_key: Secret,",
        "password: Zeroizing::new(text), self.password = Some(text); secret_key: Option<u8>,",
        "let mut access_token = self.token; private_key = key_of(&raw); password: a.b(c)",
        "password: None, secret: if ready, token: Kind::Word, api_key: &str, secret: &mut Key",
    ] {
        check_same(same);
    }
}

#[test]
fn http_credentials() {
    for (input, expected) in [
        ("Authorization: Bearer abc.def\r\nHost: x", "Authorization: Bearer *******\r\nHost: x"),
        ("authorization: basic dXNlcg==\n", "authorization: basic ********\n"),
        ("-H 'Authorization: token abc' x", "-H 'Authorization: token ***' x"),
        ("\"Authorization\": \"Bearer  abc\",", "\"Authorization\": \"Bearer  ***\","),
        ("Proxy-Authorization: Basic abc", "Proxy-Authorization: Basic ***"),
        ("Authorization: 0123456789abcdef", "Authorization: ****************"),
    ] {
        check_default(input, expected);
    }
    check_same("Authorization: required\nauthorization failed\nAuthorization: Bearer <token>");
}

fn only(class: Class) -> Arc<MaskPlan> {
    plan(&[rule("named", vec![Detect::Class(class)], Action::Redact)], &[])
}

#[test]
fn addresses_of_people() {
    let on = only(Class::Personal);
    for (input, expected) in [
        ("mail ann.b+c@example.org now", "mail ******************* now"),
        ("<a@b.co>, x", "<******>, x"),
        ("to a@b.example.com.", "to ***************."),
        ("a@b@c.de", "a@******"),
        ("user@host @x a@ @b.de a@b a@.de", "user@host @x a@ @b.de a@b a@.de"),
    ] {
        check(&on, input, expected);
    }
    check_same("mail ann@example.org");
}

#[test]
fn card_numbers() {
    let on = only(Class::Financial);
    let visa = concat!("411111", "1111111111");
    let amex = concat!("3782 ", "822463 10005");
    check(&on, &format!("card {visa}, x"), &format!("card {}, x", stars(16)));
    check(&on, amex, &stars(17));
    check(&on, concat!("4111-1111-", "1111-1111 22"), &format!("{} 22", stars(19)));
    check(&on, concat!("2024 4111 1111 ", "1111 1111."), &format!("2024 {}.", stars(19)));
    for same in [
        format!("blk_-{visa} {visa}x x{visa} {visa}0000 0.{visa}"),
        concat!("411111", "1111111112").to_owned(),
        "1234 5678 9012 3456".to_owned(),
        "0000000000000000 1699999999999".to_owned(),
    ] {
        check(&on, &same, &same);
    }
    check_same(visa);
}

#[test]
fn network_addresses() {
    let on = only(Class::Network);
    for (input, expected) in [
        ("from 10.0.0.1 port", "from ******** port"),
        ("10.0.0.1:80 and 255.255.255.255.", "********:80 and ***************."),
        (
            "1.2.3.4.5 v1.2.3.4 1.2.3 256.1.1.1 1..2.3.4 1.2.3.4a",
            "1.2.3.4.5 v1.2.3.4 1.2.3 256.1.1.1 1..2.3.4 1.2.3.4a",
        ),
    ] {
        check(&on, input, expected);
    }
    check_same("10.0.0.1");
}

#[test]
fn names_are_listed() {
    assert!(detectors().iter().all(|info| is_detector(info.name) && !info.description.is_empty()));
    assert!(is_detector("known-value"));
    assert!(!is_detector("pattern:x"));
    for (index, info) in detectors().iter().enumerate() {
        assert!(detectors()[..index].iter().all(|other| other.name != info.name), "{}", info.name);
    }
}
