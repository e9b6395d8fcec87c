//! Trying again: how often, and after which time.
//!
//! # Decisions
//! - No chance in it: one program waits the same each time. Registries that are under stress say when to come back.

use std::time::Duration;

use crate::remote::settings::{Clock, Patience};

/// The tries of one thing.
pub(crate) struct Retries<'s> {
    patience: Patience,
    clock: &'s dyn Clock,
    /// Tries that failed since the last progress.
    failed: u32,
    waited: Duration,
}

impl<'s> Retries<'s> {
    /// Nothing was tried yet.
    pub(crate) fn new(patience: Patience, clock: &'s dyn Clock) -> Self {
        Self { patience, clock, failed: 0, waited: Duration::ZERO }
    }

    /// Counts a failed try and waits before the next one, at least as long as was `asked`. False, at once, when there
    /// is no next one.
    pub(crate) fn again(&mut self, asked: Option<Duration>) -> bool {
        self.failed += 1;
        if self.failed >= self.patience.tries {
            return false;
        }
        let doubled = self.patience.first.saturating_mul(1 << (self.failed - 1).min(16));
        let wait = doubled.max(asked.unwrap_or_default());
        if self.waited.saturating_add(wait) > self.patience.total {
            return false;
        }
        self.waited += wait;
        self.clock.wait(wait);
        true
    }

    /// Something came of the last try: the next failure is a first one again. What was waited stays waited.
    pub(crate) fn progress(&mut self) {
        self.failed = 0;
    }

    /// How often was tried since the last progress.
    pub(crate) fn tries(&self) -> u32 {
        self.failed
    }
}

/// The time that `Retry-After` asks for; a date counts from the `Date` of the same answer.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let later = seconds_of(value)?.checked_sub(seconds_of(date?.trim())?)?;
    Some(Duration::from_secs(later))
}

/// Seconds of a date as `Sun, 06 Nov 1994 08:49:37 GMT`, from some day on.
fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = date.split_once(',')?.1.strip_suffix("GMT")?.split_whitespace();
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()?;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part < 62));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    // Days from March on, so that the odd day is the last one.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day.min(31);
    Some(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::settings::tests::bare;

    fn seconds(waits: &[Duration]) -> Vec<u64> {
        waits.iter().map(Duration::as_secs).collect()
    }

    #[test]
    fn waits_double_and_end() {
        let (settings, clock) = bare();
        let mut retries = Retries::new(settings.patience, &*settings.clock);
        while retries.again(None) {}
        assert_eq!(seconds(&clock.waits.lock().unwrap()), [1, 2, 4, 8]);
        assert_eq!(retries.tries(), 5);
    }

    #[test]
    fn what_the_registry_asks_for_is_waited_only_where_it_is_not_too_long() {
        let (settings, clock) = bare();
        let mut retries = Retries::new(settings.patience, &*settings.clock);
        assert!(retries.again(Some(Duration::from_secs(90))));
        assert!(!retries.again(Some(Duration::from_secs(60))));
        assert!(!Retries::new(settings.patience, &*settings.clock).again(Some(Duration::MAX)));
        assert_eq!(seconds(&clock.waits.lock().unwrap()), [90]);
    }

    #[test]
    fn progress_starts_again_but_not_without_end() {
        let (settings, clock) = bare();
        let mut retries = Retries::new(settings.patience, &*settings.clock);
        while retries.again(None) {
            retries.progress();
        }
        assert_eq!(clock.waits.lock().unwrap().len(), 120);
    }

    #[test]
    fn a_date_is_told_by_the_date_of_the_answer() {
        let date = "Wed, 28 Feb 2024 23:59:50 GMT";
        for (value, expected) in [
            ("7", Some(7)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", Some(10)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(86_410)),
            ("Wed, 28 Feb 2024 23:59:00 GMT", None),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(value, Some(date)).map(|time| time.as_secs()), expected, "{value}");
        }
        let (old, new) = ("Sun, 31 Dec 2023 23:59:59 GMT", "Mon, 01 Jan 2024 00:00:01 GMT");
        assert_eq!(retry_after(new, Some(old)), Some(Duration::from_secs(2)));
    }
}
