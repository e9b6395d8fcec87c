//! What becomes of times: of files, of the image and of the rows of its history. Pure.

use std::time::{Duration, SystemTime};

use crate::tree::Timestamp;

/// What becomes of every time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// It stays.
    #[default]
    Keep,
    /// A later one becomes this one, so that builds at different times make the same image.
    Clamp(Timestamp),
    /// It becomes this one.
    Set(Timestamp),
}

impl Times {
    /// What `time` becomes.
    pub fn apply(self, time: Timestamp) -> Timestamp {
        match self {
            Self::Keep => time,
            Self::Clamp(limit) => time.min(limit),
            Self::Set(fixed) => fixed,
        }
    }

    /// The same for a date and time in RFC 3339. Where there is none, or none that can be read, the limit is set.
    pub fn apply_text(self, text: Option<String>) -> Option<String> {
        match self {
            Self::Keep => text,
            Self::Clamp(limit) => {
                let stays = |text: &String| moment(text).is_some_and(|time| time <= limit);
                text.filter(stays).or_else(|| rfc3339(limit))
            }
            Self::Set(fixed) => rfc3339(fixed),
        }
    }
}

/// The moment that a text in RFC 3339 means. Those of years before 1970 (Go writes year 1 for none) are told apart from
/// later ones, and not from each other.
fn moment(text: &str) -> Option<Timestamp> {
    let (local, offset) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let (local, zone) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
            (local, ahead(zone)?)
        }
    };
    let (year, rest) = local.split_at_checked(4)?;
    let is_early = digits(year)? < 1970;
    // humantime reads nothing before 1970, but then the rest of the text.
    let year = if is_early { "2000" } else { year };
    let time = humantime::parse_rfc3339(&format!("{year}{rest}Z")).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = if is_early { i64::MIN } else { i64::try_from(since.as_secs()).ok()? - offset };
    Some(Timestamp { seconds, nanoseconds: since.subsec_nanos() })
}

/// The seconds that a zone is ahead of UTC, as in `+01:30`.
fn ahead(zone: &str) -> Option<i64> {
    let (hours, minutes) = zone.get(1..)?.split_once(':').filter(|(hours, _)| hours.len() == 2)?;
    let ahead = digits(hours)? * 3600 + digits(minutes)? * 60;
    match zone.as_bytes().first() {
        Some(b'+') => Some(ahead),
        Some(b'-') => Some(-ahead),
        _ => None,
    }
}

fn digits(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn rfc3339(time: Timestamp) -> Option<String> {
    let since = Duration::new(u64::try_from(time.seconds).ok()?, time.nanoseconds);
    Some(humantime::format_rfc3339(SystemTime::UNIX_EPOCH + since).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Timestamp = Timestamp { seconds: 1_000_000_000, nanoseconds: 0 };

    #[test]
    fn later_times_are_clamped_and_earlier_ones_stay() {
        let (before, after) =
            (Timestamp { seconds: 5, nanoseconds: 7 }, Timestamp { seconds: 2_000_000_000, nanoseconds: 1 });
        assert_eq!(Times::Clamp(LIMIT).apply(before), before);
        assert_eq!(Times::Clamp(LIMIT).apply(after), LIMIT);
        assert_eq!(Times::Set(LIMIT).apply(before), LIMIT);
        assert_eq!(Times::Keep.apply(after), after);
    }

    #[test]
    fn texts_that_do_not_change_keep_their_spelling() {
        let text = |times: Times, text: &str| times.apply_text(Some(text.to_owned())).unwrap();
        let early = "2001-01-01T00:00:00.120Z";
        assert_eq!(text(Times::Clamp(LIMIT), early), early);
        assert_eq!(text(Times::Clamp(LIMIT), "2020-01-01T00:00:00Z"), "2001-09-09T01:46:40Z");
        assert_eq!(text(Times::Clamp(LIMIT), "no time"), "2001-09-09T01:46:40Z");
        assert_eq!(text(Times::Set(LIMIT), early), "2001-09-09T01:46:40Z");
        assert_eq!(text(Times::Keep, "whatever"), "whatever");
        assert_eq!(Times::Keep.apply_text(None), None);
        assert_eq!(Times::Clamp(LIMIT).apply_text(None).as_deref(), Some("2001-09-09T01:46:40Z"));
    }

    #[test]
    fn texts_are_compared_whatever_their_zone() {
        let limit = "2001-09-09T01:46:40Z";
        for (text, clamped) in [
            ("2001-09-09T03:46:40+02:00", "2001-09-09T03:46:40+02:00"),
            ("2001-09-09T03:46:41+02:00", limit),
            ("2001-09-08T22:16:40-03:30", "2001-09-08T22:16:40-03:30"),
            ("2001-09-08T22:16:40.5-03:30", limit),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.999999999+00:00", "1969-12-31T23:59:59.999999999+00:00"),
            ("1970-01-01T00:00:00+02:00", "1970-01-01T00:00:00+02:00"),
            // No dates and times.
            ("0001-13-01T00:00:00Z", limit),
            ("2001-01-01T00:00:00", limit),
            ("2001-01-01T00:00:00+2:00", limit),
            ("2001-01-01T00:00:00*02:00", limit),
            ("+001-01-01T00:00:00Z", limit),
            ("2001-01-01T00:00:00+-1:00", limit),
            ("", limit),
            ("\u{e9}Z", limit),
        ] {
            assert_eq!(Times::Clamp(LIMIT).apply_text(Some(text.to_owned())).as_deref(), Some(clamped), "{text}");
            assert_eq!(Times::Set(LIMIT).apply_text(Some(text.to_owned())).as_deref(), Some(limit), "{text}");
        }
    }
}
