//! DER, as far as private keys are written in it: a bounded reader without numbers of more than 64 bits.
//!
//! Crates that parse keys bring numbers of any size, curves and twenty more crates; here nothing is asked but whether
//! the parts are all there and belong together.

/// Bytes that are yet to be read.
#[derive(Clone, Copy)]
pub(super) struct Der<'b>(pub(super) &'b [u8]);

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

impl<'b> Der<'b> {
    /// The next element: its tag and what is in it.
    pub(super) fn any(&mut self) -> Option<(u8, &'b [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// What is in the next element, which has this tag.
    pub(super) fn expect(&mut self, wanted: u8) -> Option<&'b [u8]> {
        let mut next = *self;
        let (tag, content) = next.any()?;
        if tag != wanted {
            return None;
        }
        *self = next;
        Some(content)
    }

    /// The elements of the next sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.expect(SEQUENCE).map(Self)
    }

    /// The next number, which is not negative, without zeroes before it.
    pub(super) fn number(&mut self) -> Option<&'b [u8]> {
        let content = self.expect(INTEGER)?;
        if content.first()? & 0x80 != 0 {
            return None;
        }
        Some(trimmed(content))
    }
}

/// A number without zeroes before it.
pub(super) fn trimmed(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// Its bits.
pub(super) fn bits(number: &[u8]) -> u32 {
    let number = trimmed(number);
    let whole = u32::try_from(number.len()).unwrap_or(0) * 8;
    number.first().map_or(0, |first| whole - first.leading_zeros())
}

/// The last eight bytes of a number: what it is modulo 2^64.
pub(super) fn low(number: &[u8]) -> u64 {
    number.iter().rev().take(8).rev().fold(0, |low, byte| low << 8 | u64::from(*byte))
}
