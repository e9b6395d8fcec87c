//! What a person looked at and accepts: fingerprints, each with a reason and the last day on which it counts.
//!
//! ```toml
//! [[accept]]
//! fingerprint = "00112233445566778899aabbccddeeff"
//! reason = "a key of the test server, worth nothing"
//! expires = 2027-03-31
//! ```
//!
//! # Decisions
//! - Nothing is accepted without a reason and for ever: what was right is looked at again one day.
//! - The clock is the caller's: the same file on the same day accepts the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::{Date, Datetime};

use super::found::Fingerprint;
use crate::written::{Written, WrittenError};

/// What is accepted.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    accepted: BTreeMap<Fingerprint, Accepted>,
}

#[derive(Clone, Debug)]
struct Accepted {
    reason: String,
    has_expired: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    #[serde(default)]
    accept: Vec<RawAccepted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccepted {
    fingerprint: Spanned<String>,
    reason: Spanned<String>,
    expires: Spanned<Datetime>,
}

impl Baseline {
    /// Reads a file of accepted findings; `now` is the time in seconds since 1970, and days are those of UTC.
    pub fn parse(file: &str, text: &str, now: u64) -> Result<Self, WrittenError> {
        let written = Written { file, text };
        let today = date(now);
        let mut accepted = BTreeMap::new();
        for RawAccepted { fingerprint, reason, expires } in written.parse::<BaselineFile>()?.accept {
            let at = fingerprint.span().start;
            let Some(known) = Fingerprint::parse(fingerprint.get_ref()) else {
                let problem = format!("\"{}\" is no fingerprint: it has 32 hexadecimal digits", fingerprint.get_ref());
                return Err(written.error(at, None, problem));
            };
            if reason.get_ref().trim().is_empty() {
                return Err(written.error(reason.span().start, None, "it needs a reason why it is accepted"));
            }
            let day = match expires.get_ref() {
                Datetime { date: Some(day), time: None, offset: None } => *day,
                other => {
                    let problem = format!("\"expires\" is a day like 2027-03-31, not {other}");
                    return Err(written.error(expires.span().start, None, problem));
                }
            };
            let has_expired = (day.year, day.month, day.day) < (today.year, today.month, today.day);
            let entry = Accepted { reason: reason.into_inner(), has_expired };
            if accepted.insert(known, entry).is_some() {
                return Err(written.error(at, None, "it is accepted twice in this file"));
            }
        }
        Ok(Self { accepted })
    }

    /// Whether nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    /// Why a finding is accepted today, if it is.
    pub fn accepts(&self, fingerprint: &Fingerprint) -> Option<&str> {
        self.accepted.get(fingerprint).filter(|known| !known.has_expired).map(|known| known.reason.as_str())
    }

    /// Whether a finding was accepted up to a day that is over.
    pub fn has_expired(&self, fingerprint: &Fingerprint) -> bool {
        self.accepted.get(fingerprint).is_some_and(|known| known.has_expired)
    }
}

/// The day of a time in seconds since 1970, by the Gregorian calendar: days are counted from the first of March of the
/// year 0, so that leap days end a cycle of 400 years.
fn date(now: u64) -> Date {
    const OF_CYCLE: u64 = 146_097;
    let days = now / 86_400 + 719_468;
    let (cycle, of_cycle) = (days / OF_CYCLE, days % OF_CYCLE);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / (OF_CYCLE - 1)) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + u64::from(month <= 2);
    let byte = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    Date { year: u16::try_from(year).unwrap_or(u16::MAX), month: byte(month), day: byte(day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00112233445566778899aabbccddeeff";

    fn file(expires: &str) -> String {
        format!("[[accept]]\nfingerprint = \"{ONE}\"\nreason = \"a test\"\nexpires = {expires}\n")
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (now, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_799, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(now).to_string(), expected, "{now}");
        }
    }

    #[test]
    fn what_is_accepted_counts_up_to_its_last_day() {
        let fingerprint = Fingerprint::parse(ONE).unwrap();
        let last = 1_798_761_599;
        let of = |now| Baseline::parse("b.toml", &file("2026-12-31"), now).unwrap();
        assert_eq!(of(last).accepts(&fingerprint), Some("a test"));
        assert!(!of(last).has_expired(&fingerprint));
        assert_eq!(of(last + 1).accepts(&fingerprint), None);
        assert!(of(last + 1).has_expired(&fingerprint));
        let other = Fingerprint::parse(&ONE.replace("00", "01")).unwrap();
        assert_eq!((of(0).accepts(&other), of(last + 1).has_expired(&other)), (None, false));
    }

    #[test]
    fn what_is_wrong_names_file_and_line() {
        let twice = file("2026-12-31").repeat(2);
        for (text, expected) in [
            (
                file("2026-12-31T00:00:00Z"),
                "b.toml, line 4: \"expires\" is a day like 2027-03-31, not 2026-12-31T00:00:00Z",
            ),
            (file("2026-12-31").replace("a test", " "), "b.toml, line 3: it needs a reason why it is accepted"),
            (
                file("2026-12-31").replace("ff", "f"),
                "b.toml, line 2: \"00112233445566778899aabbccddeef\" is no fingerprint: it has 32 hexadecimal digits",
            ),
            (twice, "b.toml, line 6: it is accepted twice in this file"),
            ("[[accept]]\n".to_owned(), "b.toml, line 1: missing field `fingerprint`"),
            ("accepted = 1\n".to_owned(), "b.toml, line 1: unknown field `accepted`, expected `accept`"),
        ] {
            assert_eq!(Baseline::parse("b.toml", &text, 0).unwrap_err().to_string(), expected);
        }
    }
}
