//! Forges, package registries, and where code is built.

use super::Tokens;
use crate::mask::detector::alphabet::{ALNUM, HEX, LOWER, WORD};
use crate::mask::detector::token::Shape;

static ALNUM_36: Shape = Shape::run(&ALNUM, 36).anywhere();
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
            ("ghp_", &ALNUM_36),
            ("gho_", &ALNUM_36),
            ("ghu_", &ALNUM_36),
            ("ghs_", &ALNUM_36),
            ("ghr_", &ALNUM_36),
            ("github_pat_", &FINE_GRAINED),
        ],
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
    },
    Tokens { name: "npm-token", description: "npm access tokens", starts: &[("npm_", &ALNUM_36)] },
    Tokens {
        name: "pypi-token",
        description: "PyPI and TestPyPI tokens",
        starts: &[("pypi-AgE", &PYPI)],
    },
    Tokens { name: "cargo-token", description: "crates.io tokens", starts: &[("cio", &CARGO)] },
    Tokens {
        name: "rubygems-key",
        description: "RubyGems API keys",
        starts: &[("rubygems_", &RUBYGEMS)],
    },
    Tokens { name: "nuget-key", description: "NuGet API keys", starts: &[("oy2", &NUGET)] },
    Tokens {
        name: "docker-token",
        description: "Docker access tokens, Swarm join tokens and unlock keys",
        starts: &[
            ("dckr_pat_", &DOCKER),
            ("dckr_oat_", &DOCKER),
            ("SWMTKN-1-", &SWARM),
            ("SWMKEY-1-", &SWARM),
        ],
    },
    Tokens {
        name: "atlassian-token",
        description: "Atlassian and Bitbucket tokens",
        starts: &[("ATATT3", &ATLASSIAN), ("ATCTT3", &ATLASSIAN), ("ATBB", &BUILDKITE)],
    },
    Tokens {
        name: "buildkite-token",
        description: "Buildkite tokens",
        starts: &[("bkua_", &BUILDKITE), ("bkct_", &BUILDKITE)],
    },
];
