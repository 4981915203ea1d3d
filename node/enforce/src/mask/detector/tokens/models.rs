//! Providers of language models.

use super::Tokens;
use crate::mask::detector::alphabet::{ALNUM, HEX, WORD};
use crate::mask::detector::token::Shape;

static WORD_40: Shape = Shape::run(&WORD, 40);
static LEGACY: Shape = Shape::run(&ALNUM, 48);
static ANTHROPIC: Shape = Shape::run(&WORD, 80);
static OPENROUTER: Shape = Shape::run(&HEX, 64);
static ALNUM_34: Shape = Shape::run(&ALNUM, 34);
static ALNUM_40: Shape = Shape::run(&ALNUM, 40);
static REPLICATE: Shape = Shape::run(&ALNUM, 37);

pub(super) static TOKENS: &[Tokens] = &[
    Tokens {
        name: "openai-key",
        description: "OpenAI keys of projects, services, administrators and users",
        starts: &[
            ("sk-proj-", &WORD_40),
            ("sk-svcacct-", &WORD_40),
            ("sk-admin-", &WORD_40),
            ("sk-", &LEGACY),
        ],
    },
    Tokens {
        name: "anthropic-key",
        description: "Anthropic keys",
        starts: &[
            ("sk-ant-api03-", &ANTHROPIC),
            ("sk-ant-admin01-", &ANTHROPIC),
            ("sk-ant-oat01-", &ANTHROPIC),
        ],
    },
    Tokens {
        name: "openrouter-key",
        description: "OpenRouter keys",
        starts: &[("sk-or-v1-", &OPENROUTER)],
    },
    Tokens {
        name: "huggingface-token",
        description: "Hugging Face tokens",
        starts: &[("hf_", &ALNUM_34), ("api_org_", &ALNUM_34)],
    },
    Tokens {
        name: "perplexity-key",
        description: "Perplexity keys",
        starts: &[("pplx-", &ALNUM_40)],
    },
    Tokens { name: "groq-key", description: "Groq keys", starts: &[("gsk_", &ALNUM_40)] },
    Tokens {
        name: "replicate-token",
        description: "Replicate tokens",
        starts: &[("r8_", &REPLICATE)],
    },
    Tokens { name: "xai-key", description: "xAI keys", starts: &[("xai-", &ALNUM_40)] },
];
