//! Passwords: hashed with Argon2id where they are read, verified where somebody logs in.
//!
//! A wrong name must cost as much as a wrong password, or timing tells who exists. A hash that
//! asks for more work than ours is refused before any is done.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use proto::ids::Name;
use zeroize::Zeroizing;

use crate::directory::{Directory, Subject};

/// Memory of one hash, in KiB (OWASP Password Storage Cheat Sheet: Argon2id, m=19456, t=2, p=1).
pub const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;
/// Length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;
/// The longest password, in bytes.
pub const PASSWORD_BYTES: usize = 1024;
/// A stored hash may ask for at most this many times the memory and passes of ours.
const MOST_WORK: u32 = 4;

/// Why a password cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Empty.
    #[error("the password is empty")]
    Empty,
    /// Over [`PASSWORD_BYTES`].
    #[error("the password is longer than {PASSWORD_BYTES} bytes")]
    TooLong,
}

/// Why a login by password was refused, for the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// There is no such person.
    #[error("there is no person of that name")]
    UnknownPerson,
    /// The person has none.
    #[error("{0} has no password")]
    NoPassword(Name),
    /// The kept hash is not one that this program makes.
    #[error("the password hash of {0} is damaged or asks for too much work")]
    BadHash(Name),
    /// It is another.
    #[error("the password of {0} is another")]
    Wrong(Name),
}

/// Hashes a password with a salt that was drawn for it; PHC form.
///
/// # Errors
/// [`BadPassword`] for one that is empty or too long.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> Result<String, BadPassword> {
    if password.is_empty() {
        return Err(BadPassword::Empty);
    }
    if password.len() > PASSWORD_BYTES {
        return Err(BadPassword::TooLong);
    }
    let hashed = argon2id().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hashed.expect("salt and parameters are constants that Argon2 takes").to_string())
}

/// Whether a password is the one that was hashed; false for a hash that is not one.
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    is_bearable(&hash)
        && password.len() <= PASSWORD_BYTES
        && argon2id().verify_password(password.as_bytes(), &hash).is_ok()
}

/// Who has this name and password. Takes as long when there is nobody, or no password.
///
/// # Errors
/// [`PasswordError`] with the precise reason, which the outside is not told.
pub fn log_in(
    directory: &Directory,
    claimed: &str,
    password: &Zeroizing<String>,
) -> Result<Subject, PasswordError> {
    let person = claimed.parse::<Name>().ok().and_then(|name| directory.person(&name));
    let Some(person) = person else {
        verify_nothing(password);
        return Err(PasswordError::UnknownPerson);
    };
    let name = &person.name;
    let Some(hash) = person.argon2() else {
        verify_nothing(password);
        return Err(PasswordError::NoPassword(name.clone()));
    };
    if !PasswordHash::new(hash).is_ok_and(|hash| is_bearable(&hash)) {
        verify_nothing(password);
        return Err(PasswordError::BadHash(name.clone()));
    }
    if !verify(password, hash) {
        return Err(PasswordError::Wrong(name.clone()));
    }
    directory.by_password(name).ok_or(PasswordError::UnknownPerson)
}

/// Does the work of a verification whose outcome is known.
fn verify_nothing(password: &str) {
    static DUMMY: OnceLock<String> = OnceLock::new();
    let dummy = DUMMY.get_or_init(|| hash("nobody", [0; SALT_BYTES]).unwrap_or_default());
    std::hint::black_box(verify(password, dummy));
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.expect("constants that Argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn is_bearable(hash: &PasswordHash) -> bool {
    let is_argon2id = hash.algorithm.as_str() == "argon2id";
    let params = Params::try_from(hash);
    is_argon2id
        && params.is_ok_and(|params| {
            params.m_cost() <= MEMORY_KIB * MOST_WORK
                && params.t_cost() <= PASSES * MOST_WORK
                && params.p_cost() <= LANES * MOST_WORK
        })
}
