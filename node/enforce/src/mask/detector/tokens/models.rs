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
        examples: &[
            "sk-proj-«wBzJYFx3uJbdNgpipzfuT3BlbkFJ6Puf7zfE8ynfA4zSgdi6»",
            "sk-«LmMD7PnRHdFHPnMrYGUFT3BlbkFJVi8VsYuNrASsPP4RJQer»",
        ],
        others: &[
            "sk-proj-·hQvutSJuHburapm5tbpw2N4mtxHRZnBQ78ja6ic",
            "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
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
        examples: &["sk-ant-api03-«e6PtQNPNGN6gt5h6aAZEihCTFsdRFGHb7UNLgXPx4XfCTV2CjjfcmyNG5cg3pR\
            LiZVSdHg3RzRAvnXZS7cLKSnMTps3nKAA»"],
        others: &["sk-ant-api03-·iAtPTNNSU5JWnWidbhnA"],
    },
    Tokens {
        name: "openrouter-key",
        description: "OpenRouter keys",
        starts: &[("sk-or-v1-", &OPENROUTER)],
        examples: &["sk-or-v1-«1cdd6cadfab5845b076b17bcbd0df7da30d81da5ac82267de1d2adca1b8fff88»"],
        others: &["sk-or-v1-·df4522e47c287f125d12"],
    },
    Tokens {
        name: "huggingface-token",
        description: "Hugging Face tokens",
        starts: &[("hf_", &ALNUM_34), ("api_org_", &ALNUM_34)],
        examples: &["hf_«PRETyuvzg5NMnzQZ5Ab6JMzPeh8wXvYYu7»"],
        others: &["hf_·WhbMKAdWMiqunjpVR6FP2sDk7sgqBk778", "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    },
    Tokens {
        name: "perplexity-key",
        description: "Perplexity keys",
        starts: &[("pplx-", &ALNUM_40)],
        examples: &["pplx-«M9kdLWAWGNzD9ZwNfDNYaC5tvbxk7fRB9PSe2B9W»"],
        others: &[
            "pplx-·aZ88W8qYVWLhcLCaXL6VpnAr62bARQR6RGPpgMr",
            "pplx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "groq-key",
        description: "Groq keys",
        starts: &[("gsk_", &ALNUM_40)],
        examples: &["gsk_«hiFTDU5FNr7B9Auhy6dSWyizXKEAHx9a7T6dTytz»"],
        others: &[
            "gsk_·b9cZ65JnRb3kpUwFagSUKQnv2tu8Bcst8WDCvT4",
            "gsk_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "replicate-token",
        description: "Replicate tokens",
        starts: &[("r8_", &REPLICATE)],
        examples: &["r8_«MHfH6LKY48tadH6hrcCQExn535fNdDcAYbnW7»"],
        others: &[
            "r8_·dAgFLvDUPHAQyLwRUfi8q6ZA6FTCH2UF73KT",
            "r8_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Tokens {
        name: "xai-key",
        description: "xAI keys",
        starts: &[("xai-", &ALNUM_40)],
        examples: &["xai-«pSAVQEEUdt9NvW7Qcduxsjue2qhyFNmki8QSpqVq»"],
        others: &[
            "xai-·3V7aS3KLMUQWvhJX6z8SRkZebrG2jm92LVknqmG",
            "xai-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ],
    },
];
