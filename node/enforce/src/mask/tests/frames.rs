//! Secrets that a frame around them makes one: options, headers, password files, objects.

use super::*;

#[track_caller]
fn checked(table: &[(&str, &str)]) {
    for (input, expected) in table {
        check(&by_default(), input, expected);
    }
}

#[test]
fn options_of_commands() {
    checked(&[
        ("mysql --password hunter2 -h db", "mysql --password ******* -h db"),
        ("x --db-password 'hun ter'", "x --db-password '*******'"),
        ("x --db_password \"hun ter\"", "x --db_password \"*******\""),
        ("x --token   abcd1234;", "x --token   ********;"),
        ("(--api-key abcd12345678)", "(--api-key ************)"),
        ("--secret_key abc\n", "--secret_key ***\n"),
        ("curl -u ann:hunter2 https://x", "curl -u ann:******* https://x"),
        ("curl --user 'ann:hun ter' x", "curl --user 'ann:*******' x"),
        ("curl -su ann:hunter2", "curl -su ann:hunter2"),
        ("--password=hunter2", "--password=*******"),
    ]);
    for same in [
        "--password-stdin --password-file /run/x --no-password",
        "--password PASSWORD, --token TOKEN",
        "--token string the token; --token file",
        "the --password option, --password is needed, --password --next",
        "--password ${PASSWORD} --password <pw> --password \"$PASSWORD\" --password [x]",
        "docker run -u www-data:www-data x; chown -R -u: x",
        "------password hunter2 a--password hunter2",
        "--password",
    ] {
        check(&by_default(), same, same);
    }
}

#[test]
fn cookies() {
    checked(&[
        ("Cookie: a=b; JSESSIONID=abcd1234; c=d\r\nHost: x", {
            "Cookie: a=b; JSESSIONID=********; c=d\r\nHost: x"
        }),
        ("set-cookie: sid=abcdef; Path=/; Max-Age=36000000", {
            "set-cookie: sid=******; Path=/; Max-Age=36000000"
        }),
        ("-H 'Cookie: auth=abcd' x", "-H 'Cookie: auth=****' x"),
        ("\"cookie\": \"sid=abcd; a=b\",", "\"cookie\": \"sid=****; a=b\","),
        ("{\\\"Cookie\\\":\\\"sid=abcd\\\"}", "{\\\"Cookie\\\":\\\"sid=****\\\"}"),
        ("Cookie: x=0123456789abcdef01234567", "Cookie: x=************************"),
    ]);
    for same in [
        "Cookie: theme=dark; lang=en; sid=; sid=abc",
        "cookie: it is sweet; cookies: 3",
        "Set-Cookie: a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly",
        "Cookie: sid=${SID}",
    ] {
        check(&by_default(), same, same);
    }
}

#[test]
fn files_of_passwords() {
    checked(&[
        ("machine a.b login ann password hunter2\n", "machine a.b login ann password *******\n"),
        ("machine a\n\tlogin b\n\tpassword c\nmachine d", {
            "machine a\n\tlogin b\n\tpassword *\nmachine d"
        }),
        ("machine a password hunter2", "machine a password *******"),
        ("db:5432:orders:app:hunter2\n", "db:5432:orders:app:*******\n"),
        ("x\n*:*:*:postgres:a:b\\:c\n", "x\n*:*:*:postgres:******\n"),
    ]);
    for same in [
        "the machine is down; a machine learns, machine login",
        "xmachine a login b password",
        "12:30:45:10:20 main.rs:1234:56:error:x",
        "a db:5432:orders:app:hunter2",
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false",
        "db:5432:orders:app:hunter2 and more words",
    ] {
        check(&by_default(), same, same);
    }
}

#[test]
fn secrets_of_kubernetes_in_yaml() {
    checked(&[
        // As `kubectl get secret -o yaml` has it, and in a list.
        (
            "apiVersion: v1\ndata:\n  a: YWRtaW4=\n  tls.crt: \"QUJDREVGR0hJSktMTU5PUA==\"\n\
             kind: Secret\nmetadata:\n  name: x\n",
            "apiVersion: v1\ndata:\n  a: x*******\n  tls.crt: \"************************\"\n\
             kind: Secret\nmetadata:\n  name: x\n",
        ),
        (
            "items:\n- apiVersion: v1\n  data:\n    a: YWRtaW4=\n  kind: Secret\n",
            "items:\n- apiVersion: v1\n  data:\n    a: x*******\n  kind: Secret\n",
        ),
        // As people write them.
        (
            "kind: Secret\nmetadata: {name: x}\ndata:\n  a: x\n  b: 'y z'\n\n  # no\ntype: Opaque\n",
            "kind: Secret\nmetadata: {name: x}\ndata:\n  a: x\n  b: '***'\n\n  # no\ntype: Opaque\n",
        ),
        (
            "stringData:\n  file: |\n    one\n\n    two: 2\n  b: \"q\\\"r\"\nz: a",
            "stringData:\n  file: |\n    ***\n\n    ******\n  b: \"****\"\nz: a",
        ),
        ("kind: \"Secret\"\r\ndata:\r\n  a: bc\r\n", "kind: \"Secret\"\r\ndata:\r\n  a: x*\r\n"),
    ]);
    for same in [
        "apiVersion: v1\ndata:\n  level: info\n  debug: \"true\"\n  size: \"8080\"\nkind: ConfigMap\n",
        "kind: Secret\n---\nkind: ConfigMap\ndata:\n  a: b\n",
        "- kind: Secret\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    a: b\n",
        "kind: SecretStore\ndata:\n  a: b\n",
        "metadata:\n  a: b\nmydata:\n  a: b\ndata: a\ndata:\n  YWRtaW4=: b\n",
        "kind: Secret\ndata:\n  a: \"\"\n  b: null\ntype: Opaque",
    ] {
        check(&by_default(), same, same);
    }
}

#[test]
fn secrets_of_kubernetes_in_json() {
    checked(&[
        (
            "{\n  \"apiVersion\": \"v1\",\n  \"data\": {\n    \"a\": \"YWRtaW4=\"\n  },\n  \"kind\": \"Secret\"\n}",
            "{\n  \"apiVersion\": \"v1\",\n  \"data\": {\n    \"a\": \"********\"\n  },\n  \"kind\": \"Secret\"\n}",
        ),
        (
            "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"},\"stringData\":{\"a\":\"b\\\"c\",\"d\":\"e\"},\"x\":\"y\"}",
            "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"},\"stringData\":{\"a\":\"****\",\"d\":\"*\"},\"x\":\"y\"}",
        ),
        // In an annotation: JSON in a text in JSON.
        (
            "\"last\": \"{\\\"apiVersion\\\":\\\"v1\\\",\\\"data\\\":{\\\"a\\\":\\\"YWRtaW4=\\\"},\\\"kind\\\":\\\"Secret\\\"}\\n\"",
            "\"last\": \"{\\\"apiVersion\\\":\\\"v1\\\",\\\"data\\\":{\\\"a\\\":\\\"********\\\"},\\\"kind\\\":\\\"Secret\\\"}\\n\"",
        ),
    ]);
    for same in [
        "{\"kind\":\"Pod\",\"data\":{\"a\":\"b\"}}",
        "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"info\",\"n\":{\"b\":\"YWRtaW4=\"}}}",
        "{\"kind\":\"Secret\",\"data\":null,\"x\":{\"a\":\"b\"}}",
    ] {
        check(&by_default(), same, same);
    }
}

#[test]
fn keys_of_azure_and_tokens_of_discord() {
    let key = |sign: &str, before: usize, after: usize, pad: &str| {
        (alnum(20), format!("{}{sign}{}{pad}", &alnum(before)[20..], alnum(after)))
    };
    for (shown, hidden) in [
        key("+ASt", 76, 6, "=="),
        key("ACDb", 76, 6, "=="),
        key("+ASb", 33, 6, "="),
        key("AzSe", 42, 6, ""),
        key("AzFu", 44, 6, "=="),
        key("JQQJ", 52, 28, ""),
        key("AZDO", 76, 4, ""),
    ] {
        let stars = stars(hidden.len());
        check(&by_default(), &format!("x {shown}{hidden}, y"), &format!("x {shown}{stars}, y"));
        // One digit more or less, or another sign, is none.
        for same in [
            format!("x {shown}a{hidden}"),
            format!("x {}{hidden}", &shown[1..]),
            format!("x {shown}{hidden}a"),
        ] {
            check(&by_default(), &same, &same);
        }
    }
    let secret = alnum(38);
    let public = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.";
    check(&by_default(), &format!("[{public}{secret}]"), &format!("[{public}{}]", stars(38)));
    let same = format!("MTk4NjIyNDgzNDcxOTI1Mjxx.Cl2FMQ.{secret}");
    check(&by_default(), &same, &same);
}
