//! What runs and guards other things, and hashes of passwords.

use super::Tokens;
use crate::mask::detector::alphabet::{ANY_BASE64, BASE64, CRYPT, HEX, UPPER, WORD};
use crate::mask::detector::token::Shape;

static VAULT: Shape = Shape::run(&WORD, 24);
static WORD_40: Shape = Shape::run(&WORD, 40);
static TERRAFORM: Shape = Shape::run(&WORD, 60).anywhere();
static GRAFANA_CLOUD: Shape = Shape::run(&ANY_BASE64, 40);
static OPENSHIFT: Shape = Shape::run(&WORD, 43);
static TAILSCALE: Shape = Shape::run(&WORD, 20);
static AGE: Shape = Shape::run(&UPPER, 58);
static PULUMI: Shape = Shape::run(&HEX, 40);
static WRAPPED: Shape = Shape::run(&BASE64, 40);
static CRYPT_22: Shape = Shape::run(&CRYPT, 31);
static CRYPT_43: Shape = Shape::run(&CRYPT, 46);
static MD5: Shape = Shape::exactly(&HEX, 32);

pub(super) static TOKENS: &[Tokens] = &[
    Tokens {
        name: "vault-token",
        description: "HashiCorp Vault tokens",
        starts: &[("hvs.", &VAULT), ("hvb.", &VAULT), ("hvr.", &VAULT)],
    },
    Tokens {
        name: "terraform-token",
        description: "Terraform Cloud tokens",
        starts: &[(".atlasv1.", &TERRAFORM)],
    },
    Tokens {
        name: "grafana-token",
        description: "Grafana service account and cloud tokens",
        starts: &[("glsa_", &WORD_40), ("glc_", &GRAFANA_CLOUD)],
    },
    Tokens { name: "zuplo-key", description: "Zuplo keys", starts: &[("zpka_", &WORD_40)] },
    Tokens {
        name: "openshift-token",
        description: "OpenShift tokens",
        starts: &[("sha256~", &OPENSHIFT)],
    },
    Tokens {
        name: "tailscale-key",
        description: "Tailscale keys",
        starts: &[
            ("tskey-auth-", &TAILSCALE),
            ("tskey-api-", &TAILSCALE),
            ("tskey-client-", &TAILSCALE),
        ],
    },
    Tokens { name: "pulumi-token", description: "Pulumi tokens", starts: &[("pul-", &PULUMI)] },
    Tokens {
        name: "age-key",
        description: "age secret keys",
        starts: &[("AGE-SECRET-KEY-1", &AGE)],
    },
    Tokens {
        name: "wrapped-private-key",
        description: "PEM private keys as one run of base64",
        starts: &[
            ("LS0tLS1CRUdJTiBQUklWQVRF", &WRAPPED),
            ("LS0tLS1CRUdJTiBSU0EgUFJJVkFUR", &WRAPPED),
            ("LS0tLS1CRUdJTiBFQyBQUklWQVRF", &WRAPPED),
            ("LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVE", &WRAPPED),
            ("LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFUR", &WRAPPED),
        ],
    },
    Tokens {
        name: "password-hash",
        description: "hashes of passwords: crypt, bcrypt, argon2, SCRAM, PostgreSQL's md5",
        starts: &[
            ("$1$", &CRYPT_22),
            ("$2a$", &CRYPT_43),
            ("$2b$", &CRYPT_43),
            ("$2y$", &CRYPT_43),
            ("$5$", &CRYPT_43),
            ("$6$", &CRYPT_43),
            ("$7$", &CRYPT_43),
            ("$y$", &CRYPT_43),
            ("$gy$", &CRYPT_43),
            ("$argon2i$", &CRYPT_43),
            ("$argon2d$", &CRYPT_43),
            ("$argon2id$", &CRYPT_43),
            ("SCRAM-SHA-256$", &CRYPT_43),
            ("md5", &MD5),
        ],
    },
];
