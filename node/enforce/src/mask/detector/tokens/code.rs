//! Forges, package registries, and where code is built.

use super::Tokens;
use crate::mask::detector::alphabet::{ALNUM, HEX, LOWER, WORD};
use crate::mask::detector::check::BASE62_CRC;
use crate::mask::detector::token::Shape;

static CHECKED_36: Shape = Shape::run(&ALNUM, 36).anywhere().checked(&BASE62_CRC);
static FINE_GRAINED: Shape = Shape::run(&WORD, 36).anywhere();
static GITLAB: Shape = Shape::run(&WORD, 20).dotted().anywhere();
static GITLAB_BOUNDED: Shape = Shape::run(&WORD, 20).dotted();
static PYPI: Shape = Shape::run(&WORD, 50).anywhere();
static RUBYGEMS: Shape = Shape::run(&HEX, 48);
static DOCKER: Shape = Shape::run(&WORD, 27);
static SWARM: Shape = Shape::run(&WORD, 40);
static ATLASSIAN: Shape = Shape::run(&WORD, 50);
static CARGO: Shape = Shape::exactly(&ALNUM, 32);
static BUILDKITE: Shape = Shape::run(&WORD, 32);
static NUGET: Shape = Shape::exactly(&LOWER, 43);

pub(super) static TOKENS: &[Tokens] = &[
    Tokens {
        name: "github-token",
        description: "GitHub tokens, classic (ghp_ …) and fine-grained",
        starts: &[
            ("ghp_", &CHECKED_36),
            ("gho_", &CHECKED_36),
            ("ghu_", &CHECKED_36),
            ("ghs_", &CHECKED_36),
            ("ghr_", &CHECKED_36),
            ("github_pat_", &FINE_GRAINED),
        ],
        examples: &["ghp_«FnxubdnZ9QBYbYyfDpQnssBFAqFUri34oFQU»"],
        others: &["ghp_ is what it begins with", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "gitlab-token",
        description: "GitLab tokens: glpat- and its relatives",
        starts: &[
            ("glpat-", &GITLAB),
            ("gldt-", &GITLAB_BOUNDED),
            ("glrt-", &GITLAB_BOUNDED),
            ("glptt-", &GITLAB_BOUNDED),
            ("glcbt-", &GITLAB_BOUNDED),
            ("glft-", &GITLAB_BOUNDED),
            ("glimt-", &GITLAB_BOUNDED),
            ("glagent-", &GITLAB_BOUNDED),
            ("gloas-", &GITLAB_BOUNDED),
            ("glsoat-", &GITLAB_BOUNDED),
            ("glffct-", &GITLAB_BOUNDED),
            ("glwt-", &GITLAB_BOUNDED),
            ("GR1348941", &GITLAB_BOUNDED),
        ],
        examples: &[
            "glpat-«8C5B2NGuZUxEvDmcZiS8»",
            "glpat-«upXgJEJHSdc36CwNGq69gdxhkeW.01.0w1a2b3c4»",
        ],
        others: &["glpat-·anawsPrzfGcbea23TPX", "glpat-xxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "npm-token",
        description: "npm access tokens",
        starts: &[("npm_", &CHECKED_36)],
        examples: &["npm_«nkbQwCukDZdLm3T6ykqmEuRhsq9VhA4KFW1m»"],
        others: &[
            "npm_config_registry and npm_package_json",
            "npm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "pypi-token",
        description: "PyPI and TestPyPI tokens",
        starts: &[("pypi-AgE", &PYPI)],
        examples: &["pypi-AgE«AaEYy9fMUc2s67LVnvkrJ68hiGyJLhtSt9bh4jBtpuurCzt4Dz»"],
        others: &[
            "pypi-AgE·E57EMnaTGhTzzfNZK4NN9HvL3ZQspNmzqnQqietLzN6NCRbqK",
            "pypi-AgExxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "cargo-token",
        description: "crates.io tokens",
        starts: &[("cio", &CARGO)],
        examples: &["cio«dgsVf7uvVwSXD3iMmpFAxU4jdeb2a9tB»"],
        others: &["cio·XqDAthQwUt7MbqWq2abD7xKfrJ4MSfJkm", "cioxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "rubygems-key",
        description: "RubyGems API keys",
        starts: &[("rubygems_", &RUBYGEMS)],
        examples: &["rubygems_«60a7d3f0969be3bb5eaeb0db772bed817d96645253223122»"],
        others: &[
            "rubygems_·4c425004f4a119b79e23a94e58faae7a2890ce9ff5781fe",
            "rubygems_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    },
    Tokens {
        name: "nuget-key",
        description: "NuGet API keys",
        starts: &[("oy2", &NUGET)],
        examples: &["oy2«25llryjzvvr5lgplno3fiu2jvbssf73edthmykopw4k»"],
        others: &[
            "oy2·a7i3aktvhyhvxnpfibvvewxq2abcn2r7lqmmikpwax5x",
            "oy2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    },
    Tokens {
        name: "docker-token",
        description: "Docker access tokens, Swarm join tokens and unlock keys",
        starts: &[
            ("dckr_pat_", &DOCKER),
            ("dckr_oat_", &DOCKER),
            ("SWMTKN-1-", &SWARM),
            ("SWMKEY-1-", &SWARM),
        ],
        examples: &[
            "dckr_pat_«xXVNmALWTm3VPDnD2xzKCWUk92L»",
            "SWMTKN-1-«h42nh22gubgw7tvxtwzismykxcsf2eeidozfvbpn4atwyfiwn5-mog4ufawm2auka4\
            wh54xhvkhe»",
        ],
        others: &["dckr_pat_·XEr9HEMXpSFEN5CGSApnz68HzW", "dckr_pat_xxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "atlassian-token",
        description: "Atlassian and Bitbucket tokens",
        starts: &[("ATATT3", &ATLASSIAN), ("ATCTT3", &ATLASSIAN), ("ATBB", &BUILDKITE)],
        examples: &["ATATT3«kdvmTVi2dDxRcuXmXrCewznAmLgfn4Dp9akf9rK5vZ6eWpS7hg»"],
        others: &[
            "ATATT3·WzkCnUywXH8vumCryFBSngMKMyhgDiTHBM5PQKCWe7FkRV5ch",
            "ATATT3xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "buildkite-token",
        description: "Buildkite tokens",
        starts: &[("bkua_", &BUILDKITE), ("bkct_", &BUILDKITE)],
        examples: &["bkua_«2ysTVe5USAr6hA2DpkhCY5UKuakQS6wU»"],
        others: &["bkua_·xXvr8pTLdansVFu9hxJawmWhKGbBkZm", "bkua_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
];
