//! Clouds.

use super::Tokens;
use crate::mask::detector::alphabet::{ALNUM, ANY_BASE64, HEX, UPPER, WORD};
use crate::mask::detector::token::Shape;

static AWS_ID: Shape = Shape::exactly(&UPPER, 16);
static AWS_SESSION: Shape = Shape::run(&ANY_BASE64, 100);
static AWS_BEDROCK: Shape = Shape::run(&ANY_BASE64, 100);
static AWS_BEDROCK_SHORT: Shape = Shape::run(&ANY_BASE64, 40);
static GOOGLE: Shape = Shape::run(&WORD, 35);
static GEMINI: Shape = Shape::run(&WORD, 40);
static GOOGLE_SECRET: Shape = Shape::run(&WORD, 28);
static GOOGLE_ACCESS: Shape = Shape::run(&WORD, 20).dotted();
static GOOGLE_REFRESH: Shape = Shape::run(&WORD, 40);
static HEX_64: Shape = Shape::run(&HEX, 64);
static CLOUDFLARE: Shape = Shape::run(&WORD, 40);
static CLOUDFLARE_CA: Shape = Shape::run(&WORD, 150);
static HEX_32: Shape = Shape::run(&HEX, 32);
static FLY: Shape = Shape::run(&ANY_BASE64, 40);
static HEROKU: Shape = Shape::run(&WORD, 36);
static ALIBABA: Shape = Shape::run(&ALNUM, 16);

pub(super) static TOKENS: &[Tokens] = &[
    Tokens {
        name: "aws-access-key-id",
        description: "AWS access key ids: AKIA, ASIA, ABIA, ACCA",
        starts: &[("AKIA", &AWS_ID), ("ASIA", &AWS_ID), ("ABIA", &AWS_ID), ("ACCA", &AWS_ID)],
    },
    Tokens {
        name: "aws-session-token",
        description: "AWS session tokens",
        starts: &[("IQoJb3JpZ2lu", &AWS_SESSION), ("FwoGZXIvYXdz", &AWS_SESSION)],
    },
    Tokens {
        name: "aws-bedrock-key",
        description: "AWS Bedrock keys, long and short lived",
        starts: &[("ABSK", &AWS_BEDROCK), ("bedrock-api-key-", &AWS_BEDROCK_SHORT)],
    },
    Tokens {
        name: "google-api-key",
        description: "Google API keys",
        starts: &[("AIza", &GOOGLE), ("AQ.Ab8RN6", &GEMINI)],
    },
    Tokens {
        name: "google-oauth",
        description: "Google OAuth client secrets, access and refresh tokens",
        starts: &[("GOCSPX-", &GOOGLE_SECRET), ("ya29.", &GOOGLE_ACCESS), ("1//", &GOOGLE_REFRESH)],
    },
    Tokens {
        name: "digitalocean-token",
        description: "DigitalOcean personal, OAuth and refresh tokens",
        starts: &[("dop_v1_", &HEX_64), ("doo_v1_", &HEX_64), ("dor_v1_", &HEX_64)],
    },
    Tokens {
        name: "cloudflare-token",
        description: "Cloudflare user, account and origin CA tokens",
        starts: &[("cfut_", &CLOUDFLARE), ("cfat_", &CLOUDFLARE), ("v1.0-", &CLOUDFLARE_CA)],
    },
    Tokens {
        name: "databricks-token",
        description: "Databricks access tokens",
        starts: &[("dapi", &HEX_32)],
    },
    Tokens { name: "fly-token", description: "Fly.io tokens", starts: &[("fm2_", &FLY)] },
    Tokens { name: "heroku-key", description: "Heroku API keys", starts: &[("HRKU-", &HEROKU)] },
    Tokens {
        name: "alibaba-key-id",
        description: "Alibaba Cloud access key ids",
        starts: &[("LTAI", &ALIBABA)],
    },
];
