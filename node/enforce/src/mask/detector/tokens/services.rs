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
    },
    Tokens {
        name: "sendgrid-key",
        description: "SendGrid API keys",
        starts: &[("SG.", &SENDGRID)],
    },
    Tokens {
        name: "mail-key",
        description: "Mailgun and Brevo API keys",
        starts: &[("key-", &EXACT_HEX_32), ("xkeysib-", &WORD_64), ("xsmtpsib-", &WORD_64)],
    },
    Tokens {
        name: "twilio-key",
        description: "Twilio API keys and account ids",
        starts: &[("SK", &EXACT_HEX_32)],
    },
    Tokens { name: "postman-key", description: "Postman API keys", starts: &[("PMAK-", &WORD_40)] },
    Tokens {
        name: "linear-key",
        description: "Linear API keys",
        starts: &[("lin_api_", &ALNUM_40), ("lin_oauth_", &ALNUM_40)],
    },
    Tokens {
        name: "notion-token",
        description: "Notion tokens",
        starts: &[("ntn_", &ALNUM_40), ("secret_", &ALNUM_40)],
    },
    Tokens { name: "figma-token", description: "Figma tokens", starts: &[("figd_", &WORD_40)] },
    Tokens {
        name: "new-relic-key",
        description: "New Relic user keys",
        starts: &[("NRAK-", &NEW_RELIC)],
    },
    Tokens {
        name: "planetscale-token",
        description: "PlanetScale tokens and passwords",
        starts: &[("pscale_tkn_", &WORD_32), ("pscale_pw_", &WORD_32), ("pscale_oauth_", &WORD_32)],
    },
    Tokens {
        name: "supabase-key",
        description: "Supabase access tokens and secret keys",
        starts: &[("sbp_", &HEX_40), ("sb_secret_", &SUPABASE)],
    },
    Tokens {
        name: "sentry-token",
        description: "Sentry tokens",
        starts: &[("sntryu_", &HEX_64), ("sntrys_", &WORD_40)],
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
    },
    Tokens {
        name: "dynatrace-token",
        description: "Dynatrace tokens",
        starts: &[("dt0c01.", &DYNATRACE), ("dt0s01.", &DYNATRACE), ("dt0s16.", &DYNATRACE)],
    },
];
