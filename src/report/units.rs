//! Numbers and names in words.

use super::squash::Change;

/// The word for one or several.
pub(super) fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// What an image is called.
pub(super) fn together(names: &[String]) -> String {
    if names.is_empty() { "(no name)".to_owned() } else { names.join(", ") }
}

/// How much a number changed, in percent and in brackets; empty when it did not.
pub(super) fn percent(change: Change) -> String {
    if change.before == 0 {
        return String::new();
    }
    let before = u128::from(change.before);
    let (sign, difference) = match change.before.checked_sub(change.after) {
        Some(less) => ("-", less),
        None => ("+", change.after - change.before),
    };
    let percent = (u128::from(difference) * 100 + before / 2) / before;
    if percent == 0 { String::new() } else { format!("  ({sign}{percent} %)") }
}

/// Bytes in the decimal units that docker and registries show, with three digits.
pub(super) fn human(bytes: u64) -> String {
    let mut unit = 1_u64;
    let mut name = "B";
    for (next, next_name) in [(1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")] {
        if bytes >= next {
            (unit, name) = (next, next_name);
        }
    }
    let whole = bytes / unit;
    let rest = u128::from(bytes % unit);
    match whole {
        _ if unit == 1 => format!("{whole} B"),
        0..10 => format!("{whole}.{:02} {name}", rest * 100 / u128::from(unit)),
        10..100 => format!("{whole}.{:01} {name}", rest * 10 / u128::from(unit)),
        _ => format!("{whole} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1_416_100_000, "1.41 GB"),
            (56_750_000, "56.7 MB"),
            (567_500_000, "567 MB"),
            (12_345_000_000_000_000, "12345 TB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn a_change_is_shown_in_percent_when_there_is_one() {
        for (before, after, text) in [(100, 50, "  (-50 %)"), (100, 120, "  (+20 %)"), (1000, 1001, ""), (0, 5, "")] {
            assert_eq!(percent(Change { before, after }), text);
        }
    }
}
