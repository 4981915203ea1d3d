use crate::environment::passes;

#[test]
fn what_says_how_to_talk_passes_and_nothing_else() {
    #[track_caller]
    fn check(name: &str, value: &str, expected: bool) {
        assert_eq!(passes(name, value), expected, "{name}={value:?}");
    }
    check("LANG", "de_CH.UTF-8", true);
    check("LANG", "", true);
    check("LC_ALL", "C", true);
    check("LC_CTYPE", "en_GB.UTF-8@euro", true);
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
    check("LANG", &"a".repeat(128), true);
    check("LANG", &"a".repeat(129), false);
    check(&format!("LC_{}", "A".repeat(29)), "C", true);
    check(&format!("LC_{}", "A".repeat(30)), "C", false);
}
