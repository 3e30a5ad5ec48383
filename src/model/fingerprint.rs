//! Values are compared, never shown: keyed digests of them, and a box that holds one without saying it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key of this run. A plain hash of a short password is an oracle; one under a random key that dies
/// with the process is not.
pub struct RunKey([u8; 32]);

impl RunKey {
    /// A key of these random bytes.
    #[must_use]
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The digest of a value under this key.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HMAC accepts every key length")]
    pub fn digest(&self, value: &[u8]) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length");
        mac.update(value);
        Fingerprint(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunKey(<withheld>)")
    }
}

/// A keyed digest: says whether two values are the same, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// A value that is withheld: it can be carried and dropped, not printed, cloned or written down.
/// Only a gateway may open it; `tests/architecture.rs` looks.
pub struct Withheld<T: zeroize::Zeroize>(T);

impl<T: zeroize::Zeroize> Withheld<T> {
    /// Closes the box.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens it. For gateways only.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: zeroize::Zeroize> Drop for Withheld<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: zeroize::Zeroize> fmt::Debug for Withheld<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<withheld>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_digests_under_one_key_only() {
        let (a, b) = (RunKey::new([1; 32]), RunKey::new([2; 32]));
        assert_eq!(a.digest(b"x"), a.digest(b"x"));
        assert_ne!(a.digest(b"x"), a.digest(b"y"));
        assert_ne!(a.digest(b"x"), b.digest(b"x"));
    }

    #[test]
    fn a_withheld_value_does_not_print() {
        assert_eq!(format!("{:?}", Withheld::new("hunter2".to_owned())), "<withheld>");
    }
}
