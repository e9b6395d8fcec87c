//! Which part of a batch is done here, when several machines share it.

/// A part: every so many jobs, beginning at a place from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    index: usize,
    total: usize,
}

impl Shard {
    /// The jobs of this part.
    pub(super) fn take<T>(self, jobs: Vec<T>) -> Vec<T> {
        let is_here = |(at, job): (usize, T)| (at % self.total == self.index).then_some(job);
        jobs.into_iter().enumerate().filter_map(is_here).collect()
    }
}

/// What schedulers call the place of a machine and their number, and what they call the first. Kubernetes does not tell
/// the number: whoever writes the Job says it once more.
const SCHEDULERS: [(&str, &str, usize); 4] = [
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETION_TOTAL", 0),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
];

/// The part that was asked for as `K/N`, or that the environment tells; else all. An index without a total is an error:
/// it must not mean all.
pub(super) fn of(asked: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    if let Some(text) = asked {
        let bad = || format!("--shard: expected K/N as in 1/4, K from 1 to N, not \"{text}\"");
        let (index, total) = text.split_once('/').ok_or_else(bad)?;
        return shard(index, total, 1).ok_or_else(bad);
    }
    for (index_name, total_name, first) in SCHEDULERS {
        let said = |name: &str| variable(name).filter(|text| !text.is_empty());
        let (index, total) = match (said(index_name), said(total_name)) {
            (None, _) => continue,
            (Some(index), Some(total)) => (index, total),
            (Some(index), None) => {
                let problem = "is not, so nobody knows how many parts there are: set it, or use --shard K/N";
                return Err(format!("{index_name} is set ({index}) and {total_name} {problem}"));
            }
        };
        let bad = || {
            format!(
                "{index_name} is \"{index}\" and {total_name} is \"{total}\", expected a place from {first} and a number"
            )
        };
        return shard(&index, &total, first).ok_or_else(bad);
    }
    Ok(Shard { index: 0, total: 1 })
}

fn shard(index: &str, total: &str, first: usize) -> Option<Shard> {
    let (index, total): (usize, usize) = (index.parse().ok()?, total.parse().ok()?);
    let index = index.checked_sub(first)?;
    (index < total).then_some(Shard { index, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(variables: &[(&str, &str)]) -> Result<Vec<usize>, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        of(None, variable).map(|shard| shard.take((0..7).collect()))
    }

    #[test]
    fn parts_are_all_of_it_and_share_nothing() {
        let mut all: Vec<usize> =
            (1..=3).flat_map(|at| of(Some(&format!("{at}/3")), |_| None).unwrap().take((0..10).collect())).collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<usize>>());
        for text in ["0/3", "4/3", "1", "1/0", "a/b", "1/3/3", "-1/3", "/"] {
            assert!(of(Some(text), |_| None).is_err(), "{text}");
        }
    }

    #[test]
    fn schedulers_tell_the_part() {
        assert_eq!(by(&[]), Ok((0..7).collect()));
        assert_eq!(by(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")]), Ok(vec![0, 3, 6]));
        assert_eq!(by(&[("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "3")]), Ok(vec![1, 4]));
        assert_eq!(by(&[("BUILDKITE_PARALLEL_JOB", "2"), ("BUILDKITE_PARALLEL_JOB_COUNT", "3")]), Ok(vec![2, 5]));
        assert_eq!(by(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETION_TOTAL", "7")]), Ok(vec![0]));
        assert_eq!(by(&[("JOB_COMPLETION_INDEX", ""), ("CI_NODE_TOTAL", "7")]), Ok((0..7).collect()));
        let alone = by(&[("JOB_COMPLETION_INDEX", "0")]).unwrap_err();
        assert!(alone.contains("JOB_COMPLETION_TOTAL is not, so nobody knows how many"), "{alone}");
        assert!(by(&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "3")]).is_err(), "GitLab counts from 1");
        assert!(by(&[("CI_NODE_INDEX", "x"), ("CI_NODE_TOTAL", "3")]).is_err());
    }
}
