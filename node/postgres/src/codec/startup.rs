//! What a client says first, before messages have kinds: a length of at most 10,000 bytes, and a
//! number that says what it is.

use super::read::Reader;

/// The longest that PostgreSQL itself takes (`MAX_STARTUP_PACKET_LENGTH`).
pub(crate) const STARTUP_BYTES: usize = 10_000;
/// A length and a number.
const LEAST_BYTES: usize = 8;
/// How many parameters are taken.
const PARAMETERS: usize = 64;

const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;
/// The longest secret of protocol 3.2, in bytes.
const CANCEL_SECRET_BYTES: usize = 256;

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Startup {
    /// Shall we speak TLS?
    Tls,
    /// Shall we encrypt by GSSAPI?
    Gss,
    /// Whatever runs for this key is to be ended.
    Cancel { process: u32, secret: Vec<u8> },
    /// Let us begin.
    Begin(Begin),
}

/// The beginning of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    /// The minor version of protocol 3 that the client speaks.
    pub(crate) minor: u32,
    /// Names and values, in order.
    pub(crate) parameters: Vec<(String, String)>,
}

/// Why that is nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadStartup {
    #[error("it says that it is {0} bytes long")]
    Length(u32),
    #[error("it speaks protocol {0}.{1}")]
    Protocol(u32, u32),
    #[error("its parameters are not right")]
    Parameters,
}

/// How many bytes what comes first has, by its first four.
pub(crate) fn length(bytes: [u8; 4]) -> Result<usize, BadStartup> {
    let said = u32::from_be_bytes(bytes);
    match usize::try_from(said) {
        Ok(length) if (LEAST_BYTES..=STARTUP_BYTES).contains(&length) => Ok(length),
        _ => Err(BadStartup::Length(said)),
    }
}

/// Reads what comes behind the length.
pub(crate) fn read(body: &[u8]) -> Result<Startup, BadStartup> {
    let mut reader = Reader::new(body);
    let number = reader.u32().ok_or(BadStartup::Parameters)?;
    match number {
        SSL | GSS if !reader.rest().is_empty() => Err(BadStartup::Parameters),
        SSL => Ok(Startup::Tls),
        GSS => Ok(Startup::Gss),
        CANCEL => {
            let process = reader.u32().ok_or(BadStartup::Parameters)?;
            let secret = reader.rest().to_vec();
            let fits = (4..=CANCEL_SECRET_BYTES).contains(&secret.len());
            fits.then_some(Startup::Cancel { process, secret }).ok_or(BadStartup::Parameters)
        }
        number => {
            let (major, minor) = (number >> 16, number & 0xFFFF);
            if major != 3 {
                return Err(BadStartup::Protocol(major, minor));
            }
            parameters(reader)
                .map(|parameters| Startup::Begin(Begin { minor, parameters }))
                .ok_or(BadStartup::Parameters)
        }
    }
}

fn parameters(mut reader: Reader<'_>) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    loop {
        let name = reader.text()?;
        if name.is_empty() {
            break;
        }
        let value = reader.text()?;
        if parameters.len() >= PARAMETERS || parameters.iter().any(|(known, _)| known == name) {
            return None;
        }
        parameters.push((name.to_owned(), value.to_owned()));
    }
    reader.rest().is_empty().then_some(parameters)
}
