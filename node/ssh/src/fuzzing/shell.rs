//! A shell that shows at once what is typed into it, and takes a line as it shows it.

/// The longest line that it takes, so that it fits a row: in characters.
const CHARACTERS: usize = 60;

/// What it shows when a line may be typed.
pub(super) const PROMPT: &[u8] = b"$ ";

#[derive(Default)]
pub(super) struct Shell {
    line: String,
    /// A character of which the first byte was typed.
    begun: Option<u8>,
}

impl Shell {
    /// What stands in its line.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Keys that it knows, out of any bytes.
    pub(super) fn keys(bytes: &[u8]) -> Vec<u8> {
        let mut keys = Vec::new();
        for byte in bytes {
            match byte {
                0x03 | 0x04 | 0x15 | 0x7f | b'\r' | b' '..=b'~' => keys.push(*byte),
                0x80.. => keys.extend_from_slice("é".as_bytes()),
                _ => {}
            }
        }
        keys
    }

    /// Takes a key; gives what it shows.
    pub(super) fn key(&mut self, key: u8) -> Vec<u8> {
        match key {
            0x03 => [b"^C\r\n", self.clear(), PROMPT].concat(),
            0x15 => {
                let erased = b"\x08 \x08".repeat(self.line.chars().count());
                self.line.clear();
                erased
            }
            0x7f => self.line.pop().map_or(Vec::new(), |_| b"\x08 \x08".to_vec()),
            // The end of a file.
            0x04 => Vec::new(),
            b'\r' => [b"\r\n", self.clear(), PROMPT].concat(),
            key => self.letter(key),
        }
    }

    fn clear(&mut self) -> &'static [u8] {
        self.line.clear();
        b""
    }

    fn letter(&mut self, key: u8) -> Vec<u8> {
        let bytes = match self.begun.take() {
            None if key >= 0xc0 => {
                self.begun = Some(key);
                return Vec::new();
            }
            None => vec![key],
            Some(first) => vec![first, key],
        };
        self.line.push_str(&String::from_utf8_lossy(&bytes));
        bytes
    }

    /// Whether a key may be typed now: there is room for it, and what it does is certain.
    pub(super) fn takes(&self, key: u8) -> bool {
        match key {
            0x04 => self.line.is_empty(),
            0x7f | 0..b' ' => true,
            _ => self.line.chars().count() < CHARACTERS,
        }
    }
}
