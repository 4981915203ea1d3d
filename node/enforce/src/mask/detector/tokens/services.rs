//! Services that people pay, write and watch with.

use super::Tokens;
use crate::mask::detector::alphabet::{ALNUM, BASE64, HEX, LINK, UPPER, WORD};
use crate::mask::detector::token::Shape;

static SLACK: Shape = Shape::run(&WORD, 16).anywhere();
static HOOK: Shape = Shape::run(&LINK, 30);
static STRIPE: Shape = Shape::run(&ALNUM, 16);
static STRIPE_HOOK: Shape = Shape::run(&BASE64, 32);
static HEX_32: Shape = Shape::run(&HEX, 32);
static EXACT_HEX_32: Shape = Shape::exactly(&HEX, 32);
static SENDGRID: Shape = Shape::run(&WORD, 60).dotted();
static WORD_40: Shape = Shape::run(&WORD, 40);
static WORD_64: Shape = Shape::run(&WORD, 64);
static ALNUM_40: Shape = Shape::run(&ALNUM, 40);
static NEW_RELIC: Shape = Shape::run(&UPPER, 27);
static WORD_32: Shape = Shape::run(&WORD, 32);
static HEX_40: Shape = Shape::run(&HEX, 40);
static HEX_64: Shape = Shape::run(&HEX, 64);
static SUPABASE: Shape = Shape::run(&WORD, 30);
static DYNATRACE: Shape = Shape::run(&ALNUM, 80).dotted();

pub(super) static TOKENS: &[Tokens] = &[
    Tokens {
        name: "slack-token",
        description: "Slack tokens: xoxb- … and xapp-",
        starts: &[
            ("xoxa-", &SLACK),
            ("xoxb-", &SLACK),
            ("xoxc-", &SLACK),
            ("xoxd-", &SLACK),
            ("xoxe-", &SLACK),
            ("xoxo-", &SLACK),
            ("xoxp-", &SLACK),
            ("xoxr-", &SLACK),
            ("xoxs-", &SLACK),
            ("xapp-", &SLACK),
        ],
        examples: &[
            "xoxb-«123456789012-123456789012-bnEKRxsE7JHWv7TTHTfcXbbC»",
            "xapp-«1-A0123456789-1234567890123-276acdd6c1db661345ffc98403a27c6f949d9aa591\
            81a32e8513d1b5dde3649b»",
        ],
        others: &["xoxa-·f43guHrn5YrpFf2", "xoxa-xxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "webhook-url",
        description: "addresses of Slack, Teams and Discord by which anybody can post",
        starts: &[
            ("hooks.slack.com/services/", &HOOK),
            ("hooks.slack.com/workflows/", &HOOK),
            ("hooks.slack.com/triggers/", &HOOK),
            ("webhook.office.com/webhookb2/", &HOOK),
            ("discord.com/api/webhooks/", &HOOK),
        ],
        examples: &[
            "https://hooks.slack.com/services/«T2C4E6G8J/B2D4F6H8K/N3xUKyANVVnKHrTBrtULhSBs»",
        ],
        others: &["https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"],
    },
    Tokens {
        name: "stripe-key",
        description: "Stripe secret and restricted keys, webhook secrets",
        starts: &[
            ("sk_live_", &STRIPE),
            ("sk_test_", &STRIPE),
            ("sk_prod_", &STRIPE),
            ("rk_live_", &STRIPE),
            ("rk_test_", &STRIPE),
            ("rk_prod_", &STRIPE),
            ("whsec_", &STRIPE_HOOK),
        ],
        examples: &["sk_live_«sEXUShwAxQN5hRsF»"],
        others: &["sk_live_·3SA583KhWVrBLe4", "sk_live_xxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "shopify-token",
        description: "Shopify access tokens and shared secrets",
        starts: &[
            ("shpat_", &HEX_32),
            ("shpca_", &HEX_32),
            ("shppa_", &HEX_32),
            ("shpss_", &HEX_32),
        ],
        examples: &["shpat_«ca1785e648a75e05ff11de9f4969fe4b»"],
        others: &[
            "shpat_·b98463f9d1472be11b04973eca0b810",
            "shpat_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    },
    Tokens {
        name: "sendgrid-key",
        description: "SendGrid API keys",
        starts: &[("SG.", &SENDGRID)],
        examples: &["SG.«yhM5Q7aEbxYRG7jA6Kzvi9.aV7s3jgJhX2xfqAfuYQXKXwn6xkzrc5igtWcbBBFXa2»"],
        others: &[
            "SG.·aRQ2GRjzy7iTmTbhrR6yD9rTzcrhGFncmHeWu5svyXRbu26Zxnzf6V78ckA",
            "SG.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "mail-key",
        description: "Mailgun and Brevo API keys",
        starts: &[("key-", &EXACT_HEX_32), ("xkeysib-", &WORD_64), ("xsmtpsib-", &WORD_64)],
        examples: &["key-«a18fe0ec34922d972becc4084ae67ee3»"],
        others: &["key-·60df14e676af58ee1a260942474a22a84", "key-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    },
    Tokens {
        name: "twilio-key",
        description: "Twilio API keys and account ids",
        starts: &[("SK", &EXACT_HEX_32)],
        examples: &["SK«602433273e31072d8880ec2f17ef37cd»"],
        others: &["SK·0a0586b56b249bd4e33bc2c7c04eb2141", "SKaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    },
    Tokens {
        name: "postman-key",
        description: "Postman API keys",
        starts: &[("PMAK-", &WORD_40)],
        examples: &["PMAK-«HGDR3Kh9AKPHT6JxPuRdGPZJ5g9FnxPHLh92RE53»"],
        others: &[
            "PMAK-·PEaDeb2qCFL3uEfmBmgmyVQ8uieEvM88C5D8MFn",
            "PMAK-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "linear-key",
        description: "Linear API keys",
        starts: &[("lin_api_", &ALNUM_40), ("lin_oauth_", &ALNUM_40)],
        examples: &["lin_api_«2BCvWXPbC4Mx6VLPrn9bHJiqy9TdqkdDfMZHGWXx»"],
        others: &[
            "lin_api_·Y9EMwrYi7jjhK7iKwyJxxcgCtr2SEr2hBQR92Hy",
            "lin_api_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "notion-token",
        description: "Notion tokens",
        starts: &[("ntn_", &ALNUM_40), ("secret_", &ALNUM_40)],
        examples: &["ntn_«GiKKrPhpbxFxF7Kb2hjNWCTaqnhy3GtS7rMuQzsJ»"],
        others: &[
            "ntn_·X9JcPDFkMFJ462eVqKsGbkK2qqE5pB73FHeXQfM",
            "ntn_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "figma-token",
        description: "Figma tokens",
        starts: &[("figd_", &WORD_40)],
        examples: &["figd_«sPYDW8CryGQetbBdZxqJnmmEnAuxYNe53yifxXdv»"],
        others: &[
            "figd_·JSkJa4MVGWPYQSWaYLgkZTBgRdnjnAwyEAKgPBA",
            "figd_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "new-relic-key",
        description: "New Relic user keys",
        starts: &[("NRAK-", &NEW_RELIC)],
        examples: &["NRAK-«VW57Z3R5ESJCY7UGOE3MJLVN3DI»"],
        others: &["NRAK-·KQNA35SIVHYGZ44EKJSJ6Q6X3I", "NRAK-XXXXXXXXXXXXXXXXXXXXXXXXXXX"],
    },
    Tokens {
        name: "planetscale-token",
        description: "PlanetScale tokens and passwords",
        starts: &[("pscale_tkn_", &WORD_32), ("pscale_pw_", &WORD_32), ("pscale_oauth_", &WORD_32)],
        examples: &["pscale_tkn_«Qv5jHEUvp7pKvqLLZ3Yyer5aPz3QApAN»"],
        others: &[
            "pscale_tkn_·wZjtJT657ZeBHbRQPbZCdsGtUGpd4R5",
            "pscale_tkn_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "supabase-key",
        description: "Supabase access tokens and secret keys",
        starts: &[("sbp_", &HEX_40), ("sb_secret_", &SUPABASE)],
        examples: &["sbp_«0effd90e2f163b908cf38e053f5334e9cf61cf46»"],
        others: &[
            "sbp_·1b933c6a3e34b0f428521785c0294b7da4fa5b9",
            "sbp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ],
    },
    Tokens {
        name: "sentry-token",
        description: "Sentry tokens",
        starts: &[("sntryu_", &HEX_64), ("sntrys_", &WORD_40)],
        examples: &["sntryu_«e3c852264c18d31cb66335a3c06e80702fb79c1ddf6f348a237279ad6d8faeb2»"],
        others: &["sntryu_·a3e14949dab04f2aec6c"],
    },
    Tokens {
        name: "doppler-token",
        description: "Doppler tokens",
        starts: &[
            ("dp.pt.", &ALNUM_40),
            ("dp.ct.", &ALNUM_40),
            ("dp.sa.", &ALNUM_40),
            ("dp.scim.", &ALNUM_40),
            ("dp.audit.", &ALNUM_40),
        ],
        examples: &["dp.pt.«eYB6qb4thLhnep2wCeXkhWddPdP3JB4jgkmT9gAF»"],
        others: &[
            "dp.pt.·x2XGbFXQakCL5hsNCNYZYYgs5ZD6VFAjMNLuSHM",
            "dp.pt.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "dynatrace-token",
        description: "Dynatrace tokens",
        starts: &[("dt0c01.", &DYNATRACE), ("dt0s01.", &DYNATRACE), ("dt0s16.", &DYNATRACE)],
        examples: &["dt0c01.«6PLT75SXHFMJWDZRZHT7BPLZ.M2CAWUJJL4UGKAEJKDLQ6YNJ2ZX3IWSWGAWGSFPBQQL\
            2UZHTTSW43RRYIL6PODEN»"],
        others: &["dt0c01.·NiVuKFtKbci9gSsfcAM6"],
    },
];
