//! A replay as an asciicast, version 2: one JSON line for the header, one for each event.
//!
//! Source: docs.asciinema.org/manual/asciicast/v2.

use std::collections::BTreeMap;

use proto::event::Stream;
use serde_json::json;

use crate::replay::{Gap, Replay, ReplayCommand, verify_continuity};

/// How long a marker is at most, in bytes.
const MARKER_LIMIT: usize = 256;

/// Sizes of the terminal that a player shows; `exec` sessions have none of their own.
const WIDTH: u16 = 80;
const HEIGHT: u16 = 24;

/// What the replay alone does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayOptions {
    /// The title in the header.
    pub title: String,
    /// Whether a line feed without a carriage return gets one, as a terminal would show it. The
    /// text is then not byte for byte what the client got.
    pub carriage_returns: bool,
}

/// Writes a replay as an asciicast.
///
/// Characters that were split over frames are joined; bytes that are not UTF-8 become U+FFFD;
/// what only the record masks is `*`. Standard error is interleaved by time. Each command is a
/// marker. Where bytes are missing the text says `[gap: …]`; where events are, it begins by that.
#[must_use]
pub fn to_asciicast(replay: &Replay, options: &ReplayOptions) -> String {
    let header = json!({
        "version": 2,
        "width": WIDTH,
        "height": HEIGHT,
        "timestamp": replay.opened.0.div_euclid(1_000_000),
        "title": options.title,
    });
    let mut cast = Cast {
        lines: format!("{header}\n"),
        now_ms: 0,
        decoders: BTreeMap::new(),
        returned: false,
        carriage_returns: options.carriage_returns,
    };
    if let Some(lacks) = replay.lacks() {
        cast.event(0, "o", &format!("[{lacks}]\r\n"));
    }
    let gaps = verify_continuity(replay);
    let mut commands = replay.commands.iter().peekable();
    for (index, frame) in replay.frames.iter().enumerate() {
        while let Some(command) = commands
            .next_if(|command| command.at_ms <= frame.at_ms || command.command <= frame.command)
        {
            // The wall clock that dated the command may be ahead of the frame's.
            cast.marker(command.at_ms.min(frame.at_ms), command);
        }
        for gap in gaps.iter().filter(|gap| gap.frame == Some(index)) {
            cast.flush(frame.at_ms, (gap.command, gap.stream));
            cast.gap(frame.at_ms, gap);
        }
        cast.bytes(frame.at_ms, (frame.command, frame.stream), &frame.shown());
    }
    let end_ms = replay.frames.last().map_or(0, |frame| frame.at_ms);
    for command in commands {
        cast.marker(command.at_ms, command);
    }
    let unfinished: Vec<_> = cast.decoders.keys().copied().collect();
    for key in unfinished {
        cast.flush(end_ms, key);
    }
    for gap in gaps.iter().filter(|gap| gap.frame.is_none()) {
        cast.gap(end_ms, gap);
    }
    if replay.left_out {
        cast.event(
            end_ms,
            "o",
            "[the rest is left out: the session is too long for one replay]\r\n",
        );
    }
    cast.lines
}

struct Cast {
    lines: String,
    now_ms: u64,
    /// The beginning of a character whose end has not come yet, for each stream of a command.
    decoders: BTreeMap<(u64, Stream), Vec<u8>>,
    /// Whether the text so far ends with a carriage return.
    returned: bool,
    carriage_returns: bool,
}

impl Cast {
    fn event(&mut self, at_ms: u64, code: &str, text: &str) {
        // Times never go back in a cast.
        self.now_ms = self.now_ms.max(at_ms);
        let (seconds, millis) = (self.now_ms / 1000, self.now_ms % 1000);
        let text = json!(text);
        self.lines.push_str(&format!("[{seconds}.{millis:03}, \"{code}\", {text}]\n"));
    }

    fn marker(&mut self, at_ms: u64, command: &ReplayCommand) {
        let end = command.text.floor_char_boundary(MARKER_LIMIT);
        self.event(at_ms, "m", &command.text[..end]);
    }

    fn gap(&mut self, at_ms: u64, gap: &Gap) {
        let (from, to) = (gap.expected.min(gap.found), gap.expected.max(gap.found));
        let what = match (gap.truncated, gap.found < gap.expected) {
            (true, _) => "are over the record's limit",
            (false, false) => "are not in the record",
            (false, true) => "are in the record twice",
        };
        let stream = if gap.stream == Stream::Output { "output" } else { "errors" };
        let text = format!("[gap: {} bytes of {stream} {what}]\r\n", to - from);
        self.event(at_ms, "o", &text);
    }

    fn bytes(&mut self, at_ms: u64, key: (u64, Stream), bytes: &[u8]) {
        let mut pending = self.decoders.remove(&key).unwrap_or_default();
        pending.extend_from_slice(bytes);
        let (text, rest) = decode(&pending);
        if !rest.is_empty() {
            self.decoders.insert(key, rest.to_vec());
        }
        self.output(at_ms, &text);
    }

    /// The end of a character does not come any more.
    fn flush(&mut self, at_ms: u64, key: (u64, Stream)) {
        if self.decoders.remove(&key).is_some() {
            self.output(at_ms, "\u{fffd}");
        }
    }

    fn output(&mut self, at_ms: u64, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.carriage_returns {
            return self.event(at_ms, "o", text);
        }
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if character == '\n' && !self.returned {
                shown.push('\r');
            }
            self.returned = character == '\r';
            shown.push(character);
        }
        self.event(at_ms, "o", &shown);
    }
}

/// Text of the bytes, and the beginning of a last character that may still be completed.
fn decode(bytes: &[u8]) -> (String, &[u8]) {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return (text, &[]);
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(length) = error.error_len() else {
                    return (text, after);
                };
                text.push('\u{fffd}');
                rest = &after[length..];
            }
        }
    }
}
