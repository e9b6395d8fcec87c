//! What squashing would save, by the squash itself up to where layers are written.

use crate::error::Error;
use crate::finding::{Finding, Severity};
use crate::image::{Apart, Forecast, Host};
use crate::inside::Densities;
use crate::oci::Image;
use crate::report::Saving;
use crate::slim::{Choice, Named, RuleOutcome, Rules};

/// What was forecast.
#[derive(Default)]
pub(super) struct Forecasts {
    pub(super) savings: Vec<Saving>,
    /// What the safe rules would take.
    pub(super) prunable: Vec<RuleOutcome>,
    /// What could not be forecast.
    pub(super) findings: Vec<Finding>,
}

/// Everything that is forecast of an image whose oldest `base` layers are its base image.
pub(super) fn all(
    apart: &Apart<'_>,
    image: &Image,
    base: usize,
    densities: &Densities,
    host: Host<'_>,
) -> Result<Forecasts, Error> {
    let mut all = Forecasts::default();
    let nothing = Choice::default();
    if let Some(found) = all.take(apart.forecast(image, 0, &nothing, host))? {
        all.save(("squash", ""), &found, apart, densities);
    }
    if base > 0 {
        if let Some(found) = all.take(apart.forecast(image, base, &nothing, host))? {
            all.save(("keep-base", "--keep-base auto"), &found, apart, densities);
        }
    }
    if let Some(found) = all.take(apart.forecast(image, 0, &safe()?, host))? {
        all.save(("prune", "--prune"), &found, apart, densities);
        all.findings.extend(found.pruned.finding);
        all.prunable = found.pruned.outcome.map(|outcome| outcome.rules).unwrap_or_default();
    }
    Ok(all)
}

/// What `--prune` prunes.
fn safe() -> Result<Choice, Error> {
    let broken = |problem: String| Error::Internal(format!("the built-in rules: {problem}"));
    let rules = Rules::built_in().map_err(|problem| broken(problem.to_string()))?;
    let (paths, keep) = (Named::default(), Named::default());
    Choice::new(&rules, Some("safe"), paths, keep).map_err(|problem| broken(problem.to_string()))
}

impl Forecasts {
    /// A forecast, or why an image that can be looked into could not be squashed so.
    fn take(&mut self, forecast: Result<Forecast, Error>) -> Result<Option<Forecast>, Error> {
        match forecast {
            Ok(forecast) => Ok(Some(forecast)),
            Err(Error::Input { cause, .. }) => {
                self.findings.push(Finding::new("cannot-squash", Severity::Medium, cause.to_string()));
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    fn save(
        &mut self,
        asked: (&'static str, &'static str),
        forecast: &Forecast,
        apart: &Apart<'_>,
        densities: &Densities,
    ) {
        let made = (&forecast.kept[..], &forecast.new[..]);
        self.savings.push(Saving::new(asked, made, apart.loaded.layers(), densities));
    }
}
