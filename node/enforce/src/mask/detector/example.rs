//! Texts that say what a detector finds and what it leaves: declared beside each detector, shown by
//! `sallyport detectors show`, and tried by a test.
//!
//! **Written** so that no scanner of sources takes one for a secret: what is found stands between
//! `«` and `»`, and a `·` cuts what would be taken for one anyway. None of these is in the text.

/// A text with what a detector finds in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text itself.
    pub text: String,
    /// What becomes of it when what is found is redacted.
    pub masked: String,
}

impl Example {
    /// Reads an example as it is written.
    pub(super) fn read(written: &str) -> Self {
        let (mut text, mut masked, mut found) = (String::new(), String::new(), false);
        for letter in written.chars() {
            match letter {
                '«' => found = true,
                '»' => found = false,
                '·' => {}
                _ => {
                    text.push(letter);
                    let stays = !found || matches!(letter, '\n' | '\r');
                    if stays {
                        masked.push(letter);
                    } else {
                        masked.extend(std::iter::repeat_n('*', letter.len_utf8()));
                    }
                }
            }
        }
        Self { text, masked }
    }
}
