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
        examples: &["AKIA«DVJSGXJYMV4UDRTL»"],
        others: &["AKIA·IOSFODNN7·EXAMPLE"],
    },
    Tokens {
        name: "aws-session-token",
        description: "AWS session tokens",
        starts: &[("IQoJb3JpZ2lu", &AWS_SESSION), ("FwoGZXIvYXdz", &AWS_SESSION)],
        examples: &["IQoJb3JpZ2lu«auPy2nDqVQzcHP6puS7rW72maajcSbRPYK4EZ8sNz3atx8LQ4hyNhMJPDDFjrxf\
            baCsYmpzKVBa4PjzeWKfP4Ynj7Rw5bhZenaeX»"],
        others: &["IQoJb3JpZ2lu·E4Rhv8WfpwxNFgSN3zFn"],
    },
    Tokens {
        name: "aws-bedrock-key",
        description: "AWS Bedrock keys, long and short lived",
        starts: &[("ABSK", &AWS_BEDROCK), ("bedrock-api-key-", &AWS_BEDROCK_SHORT)],
        examples: &["ABSK«ZnbpuvW32jWf5YBNV9Xq4rB6tJ38ADyeNvD8vnN5pqVfz6YqNDAtBMGBHNefscJYFhDmkyY\
            uKsMLvQSyyeWM8NUabKU7txzfiZQs»"],
        others: &["ABSK·L4h5x7xJLCS2pxwypVCa"],
    },
    Tokens {
        name: "google-api-key",
        description: "Google API keys",
        starts: &[("AIza", &GOOGLE), ("AQ.Ab8RN6", &GEMINI)],
        examples: &["AIza«6ECn8ktaYNNXwXjcF6HDzd9LscXPzYCZQWH»"],
        others: &[
            "AIza·WFmtLWbMdqgxk9hR3aC2DgdwMeuaD9dn23",
            "AIzaxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "google-oauth",
        description: "Google OAuth client secrets, access and refresh tokens",
        starts: &[("GOCSPX-", &GOOGLE_SECRET), ("ya29.", &GOOGLE_ACCESS), ("1//", &GOOGLE_REFRESH)],
        examples: &[
            "GOCSPX-«pPz97u6BmwR4m8rQFuZXtVksniwE»",
            "ya29.«DE3wCCf9Aaee3ph37zLGfmCQxYKMjdcNArmAMCRHxUwPgZCk9cLXhqew7zdx»",
        ],
        others: &["GOCSPX-·TwVHbn3uCGCaqdCvQVZNapjv8QM", "GOCSPX-xxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "digitalocean-token",
        description: "DigitalOcean personal, OAuth and refresh tokens",
        starts: &[("dop_v1_", &HEX_64), ("doo_v1_", &HEX_64), ("dor_v1_", &HEX_64)],
        examples: &["dop_v1_«e9721294f711a1dd603ad72b1b26dd3df80a91b80f6872d23d2969764cdfd63f»"],
        others: &["dop_v1_·529f136db2ebc3be72af"],
    },
    Tokens {
        name: "cloudflare-token",
        description: "Cloudflare user, account and origin CA tokens",
        starts: &[("cfut_", &CLOUDFLARE), ("cfat_", &CLOUDFLARE), ("v1.0-", &CLOUDFLARE_CA)],
        examples: &["cfut_«i3BuwuFWRs4vWAkeU8ytypC6WFKzLwQMQK6c47yE»"],
        others: &[
            "cfut_·BQuZAwMBzxGbQBBh8V2kbUhLGYJFLdC4X9UMqXk",
            "cfut_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "databricks-token",
        description: "Databricks access tokens",
        starts: &[("dapi", &HEX_32)],
        examples: &["dapi«c0809b00d5839b2a4a6dfcfd71aa42c8»"],
        others: &["dapi·fa213a3733ee3c359932a6049b6d237", "dapiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    },
    Tokens {
        name: "fly-token",
        description: "Fly.io tokens",
        starts: &[("fm2_", &FLY)],
        examples: &["fm2_«wiKFUyaCwmw2FFrM7q55hG7D2RhnF49rf9WGR5cV»"],
        others: &[
            "fm2_·f5swy65UhZF3Z6rE2wRHhUtzUKmTDxS7j58ERc4",
            "fm2_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "heroku-key",
        description: "Heroku API keys",
        starts: &[("HRKU-", &HEROKU)],
        examples: &["HRKU-«9NNBrF5XTUg2FiThc8Uud6SG7BPGujz5awJT»"],
        others: &[
            "HRKU-·sKA6c8uTkeqqHPewSgYWxFpngYurxQjWAzj",
            "HRKU-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "alibaba-key-id",
        description: "Alibaba Cloud access key ids",
        starts: &[("LTAI", &ALIBABA)],
        examples: &["LTAI«hZ7yNvvXWkpAMFyg»"],
        others: &["LTAI·Z6TwrvzaPPnah4q", "LTAIxxxxxxxxxxxxxxxx"],
    },
];
