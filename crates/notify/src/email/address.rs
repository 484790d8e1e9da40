//! Mail addresses, as envelopes and heads of mails need them.

use lettre::Address as Checked;

/// The longest address that servers take, in bytes (RFC 5321, erratum 1690).
const LONGEST: usize = 254;

/// Why a text is no mail address that a mail can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing before the `@`, nothing behind it, or no `@`.
    #[error("it is no mail address; one looks like name@example.com")]
    NoAddress,
    /// What stands behind the last `@` is no name of a domain.
    #[error("what stands behind its @ is no name of a domain")]
    Domain,
    /// What stands before the last `@` cannot.
    #[error("what stands before its @ has a character that cannot stand there")]
    Name,
    /// It is longer than servers take.
    #[error("it is longer than 254 bytes")]
    TooLong,
}

/// A mail address with its domain in ASCII: `dana@bücher.example` is `dana@xn--bcher-kva.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Checked);

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (name, domain) = text.rsplit_once('@').ok_or(AddressError::NoAddress)?;
        if name.is_empty() || domain.is_empty() {
            return Err(AddressError::NoAddress);
        }
        let domain = if domain.is_ascii() {
            domain.to_owned()
        } else {
            idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Domain)?
        };
        let address = Checked::new(name, &domain).map_err(|error| match error {
            lettre::address::AddressError::InvalidDomain => AddressError::Domain,
            lettre::address::AddressError::InvalidUser => AddressError::Name,
            _ => AddressError::NoAddress,
        })?;
        if AsRef::<str>::as_ref(&address).len() > LONGEST {
            return Err(AddressError::TooLong);
        }
        Ok(Self(address))
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What stands behind the `@`, in ASCII.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// True when only servers with SMTPUTF8 (RFC 6531) take it: what stands before the `@` is not all ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.as_str().is_ascii()
    }

    /// In the form in which lettre takes addresses.
    pub(super) fn checked(&self) -> Checked {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k17_a_domain_in_any_script_is_written_in_ascii() {
        for (text, written) in [
            ("dana@bücher.example", "dana@xn--bcher-kva.example"),
            ("dana@BÜCHER.example", "dana@xn--bcher-kva.example"),
            ("dana@例子.example", "dana@xn--fsqu00a.example"),
            ("Dana.Miller+vm@acme.example", "Dana.Miller+vm@acme.example"),
            ("o'brien@acme.example", "o'brien@acme.example"),
            ("dana@[192.0.2.1]", "dana@[192.0.2.1]"),
        ] {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(address.as_str(), written);
            assert!(!address.needs_smtputf8());
        }
        assert!(Address::parse("müller@acme.example").unwrap().needs_smtputf8());
        assert_eq!(Address::parse("用户@例子.example").unwrap().as_str(), "用户@xn--fsqu00a.example");
    }

    #[test]
    fn what_no_server_would_take_is_refused() {
        for (text, error) in [
            ("", AddressError::NoAddress),
            ("dana", AddressError::NoAddress),
            ("@acme.example", AddressError::NoAddress),
            ("dana@", AddressError::NoAddress),
            ("dana@acme .example", AddressError::Domain),
            ("dana@\u{200d}.example", AddressError::Domain),
            ("da na@acme.example", AddressError::Name),
            ("dana@x@acme.example", AddressError::Name),
            ("dana\r\nBcc: x@acme.example", AddressError::Name),
            ("<dana@acme.example>", AddressError::Name),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(
            Address::parse(&format!("{}@{}example", "d".repeat(60), "a.".repeat(110))),
            Err(AddressError::TooLong)
        );
    }
}
