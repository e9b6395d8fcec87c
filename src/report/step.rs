//! Steps of a history as people see them.

/// What comes before the command of a step that has build arguments, and that command. Builders write
/// `|2 A=x B=y /bin/sh -c command`; arguments may have the same words in them, so what follows the last ones counts.
fn arguments(step: &str) -> Option<&str> {
    let rest = step.strip_prefix('|')?;
    Some(rest.rfind(SHELL).map_or("", |at| &rest[at..]))
}

const SHELL: &str = "/bin/sh -c ";

/// A step without `RUN`, and whether it had that.
fn parted(step: &str) -> (&str, bool) {
    step.strip_prefix("RUN ").map_or((step, false), |rest| (rest, true))
}

/// A step without the values of build arguments, which are secrets too often.
pub(super) fn without_arguments(step: &str) -> String {
    let (rest, is_run) = parted(step);
    match arguments(rest.trim_start()) {
        None => step.to_owned(),
        Some(command) => format!("{}|… {command}", if is_run { "RUN " } else { "" }),
    }
}

/// A step as its Dockerfile has it, as far as the history tells, without the values of build arguments.
pub(super) fn shortened(step: &str) -> String {
    let (mut text, mut is_run) = parted(step.trim());
    if let Some(command) = arguments(text) {
        text = if command.is_empty() { "(build arguments)" } else { command };
        is_run = true;
    }
    if let Some(rest) = text.strip_prefix(SHELL) {
        (text, is_run) = match rest.trim_start().strip_prefix("#(nop)") {
            Some(rest) => (rest.trim_start(), false),
            None => (rest, true),
        };
    }
    let text = text.strip_suffix("# buildkit").unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{}{}", if is_run { "RUN " } else { "" }, words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_its_dockerfile_has_it() {
        for (step, shown) in [
            ("/bin/sh -c #(nop) ADD file:ab in / ", "ADD file:ab in /"),
            ("/bin/sh -c apt-get   update", "RUN apt-get update"),
            ("|2 TOKEN=abc B= /bin/sh -c make", "RUN make"),
            ("RUN |1 TOKEN=abc /bin/sh -c make # buildkit", "RUN make"),
            ("RUN /bin/sh -c make # buildkit", "RUN make"),
            ("COPY . /app # buildkit", "COPY . /app"),
            ("|1 TOKEN=abc make", "RUN (build arguments)"),
            ("|1 CALL=/bin/sh -c TOKEN=abc /bin/sh -c make", "RUN make"),
        ] {
            assert_eq!(shortened(step), shown);
        }
    }

    #[test]
    fn values_of_build_arguments_are_not_shown() {
        for (step, shown) in [
            ("RUN |1 TOKEN=abc /bin/sh -c make # buildkit", "RUN |… /bin/sh -c make # buildkit"),
            ("|1 TOKEN=a b /bin/sh -c make", "|… /bin/sh -c make"),
            ("|1 TOKEN=abc make", "|… "),
            ("/bin/sh -c echo a | cat", "/bin/sh -c echo a | cat"),
        ] {
            assert_eq!(without_arguments(step), shown);
        }
    }
}
