//! Which variables of the client reach the target.

use crate::environment::passes;

#[test]
fn what_says_how_to_talk_passes_and_nothing_else() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: bool) {
        assert_eq!(passes(name, value), expected, "{name}={value:?}");
    }
    check("LANG", "de_CH.UTF-8", true);
    check("LC_ALL", "C", true);
    check("LANGUAGE", "de:en", true);
    check("TERM", "xterm-256color", true);
    check("NO_COLOR", "1", true);
    check("GIT_PROTOCOL", "version=2", true);
    check("LC_", "C", false);
    check("LC_all", "C", false);
    check("LC_A1", "C", false);
    check("lang", "C", false);
    check("LANG=x", "C", false);
    check("PATH", "bin", false);
    check("LD_PRELOAD", "x.so", false);
    check("BASH_ENV", "x", false);
    check("GIT_SSH_COMMAND", "id", false);
    check("", "", false);
    check("LANG", "/tmp/evil", false);
    check("LANG", "../evil", false);
    check("LANG", "() { :;}; id", false);
    check("LANG", "a b", false);
    check("LANG", "a\nb", false);
    check("LANG", "$(id)", false);
    check("LANG", "Zürich", false);
    check("TERM", &"a".repeat(128), true);
    check("TERM", &"a".repeat(129), false);
    check(&format!("LC_{}", "A".repeat(29)), "C", true);
    check(&format!("LC_{}", "A".repeat(30)), "C", false);
}

/// In GBK and its like a second byte can be `\`, so a shell would cut a command elsewhere than the
/// gateway does.
#[test]
fn a_client_does_not_choose_a_charset() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: bool) {
        assert_eq!(passes(name, value), expected, "{name}={value:?}");
    }
    for name in ["LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"] {
        for value in ["C", "POSIX", "C.UTF-8", "en_US.utf8", "de_CH.Utf-8", "es_419.UTF-8"] {
            check(name, value, true);
        }
        let refused = [
            "",
            "en_US",
            "german",
            "zh_CN.GBK",
            "zh_TW.Big5",
            "zh_CN.gb18030",
            "ja_JP.SJIS",
            "UTF-8",
            ".UTF-8",
            "en_US.UTF-8.",
            "en_US.UTF-8@euro",
            // What follows `@` is a modifier, so these are GBK.
            "zh_CN.GBK@.UTF-8",
            "zh_CN.GBK@x.UTF-8",
            "zh_CN.GBK.UTF-8",
            "zh_CN@x.UTF-8",
            "c",
            "posix",
        ];
        for value in refused {
            check(name, value, false);
        }
    }
    check("LANGUAGE", "de_CH:de:en", true);
    check("LANGUAGE", "C", true);
    check("LANGUAGE", "zh_CN.GBK", false);
    check("LANGUAGE", "en_US.UTF-8", false);
    check("LANGUAGE", "de@x", false);
}
