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

    /// The same for a date and time in RFC 3339; one that is spelled otherwise than in UTC becomes the limit.
    pub fn apply_text(self, text: Option<String>) -> Option<String> {
        let limit = match self {
            Self::Keep => return text,
            Self::Clamp(limit) | Self::Set(limit) => limit,
        };
        let Some(text) = text else { return rfc3339(limit) };
        match humantime::parse_rfc3339(&text).ok().and_then(timestamp) {
            Some(time) if self.apply(time) == time => Some(text),
            Some(time) => rfc3339(self.apply(time)),
            None => rfc3339(limit),
        }
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp { seconds: i64::try_from(since.as_secs()).ok()?, nanoseconds: since.subsec_nanos() })
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
        assert_eq!(text(Times::Clamp(LIMIT), "2001-01-01T00:00:00+02:00"), "2001-09-09T01:46:40Z");
        assert_eq!(text(Times::Set(LIMIT), early), "2001-09-09T01:46:40Z");
        assert_eq!(text(Times::Keep, "whatever"), "whatever");
        assert_eq!(Times::Keep.apply_text(None), None);
        assert_eq!(Times::Clamp(LIMIT).apply_text(None).as_deref(), Some("2001-09-09T01:46:40Z"));
    }
}
