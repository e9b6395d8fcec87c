//! Secrets of the images that are looked into.

use crate::finding::Finding;
use crate::layer::Look;
use crate::oci::Image;
use crate::report::{InspectedImage, SecretReport};
use crate::secrets::{self, Scanner, SecretSearch, Steps, Survey};
use crate::tree::{Fates, Tree};

/// A search, if one was asked for.
pub(super) struct Searching<'r>(Option<(&'r SecretSearch, Survey<'r>)>);

/// Secrets of an image that are told.
const MAX_TOLD: usize = 20_000;

impl<'r> Searching<'r> {
    /// The search, ready to look.
    pub(super) fn new(search: Option<&'r SecretSearch>) -> Self {
        Self(search.map(|search| (search, Survey::with(&search.engine, search.seen.clone()))))
    }

    /// What looks at layers while they are read.
    pub(super) fn look(&self) -> Option<&dyn Look> {
        self.0.as_ref().map(|(_, survey)| survey as &dyn Look)
    }

    /// Tells in `inspected` of the secrets of `image`, whose layers make `tree`, and conceals those in its steps and
    /// commands.
    pub(super) fn tell(
        &self,
        image: &Image,
        (fates, tree): (&Fates, &Tree),
        inspected: InspectedImage,
    ) -> InspectedImage {
        let Some((search, survey)) = &self.0 else { return inspected };
        let mut found = secrets::in_image(image, survey, fates, Some(tree));
        let kept = found.secrets.len().min(MAX_TOLD);
        found.more += found.secrets.drain(kept..).len() as u64;
        let steps = Steps::new(image, survey.engine());
        let told = |secret| SecretReport::new(secret, &steps, &search.baseline);
        let mut told: Vec<SecretReport> = found.secrets.iter().map(told).collect();
        told.sort_by_key(|secret| std::cmp::Reverse(secret.severity));
        let mut layers = inspected.layers;
        for (position, layer) in layers.iter_mut().enumerate() {
            layer.step = steps.of_layer(position).map(str::to_owned);
        }
        let mut scanner = Scanner::new(survey.engine());
        let mut settings = inspected.settings;
        for words in [&mut settings.entrypoint, &mut settings.cmd].into_iter().chain(&mut settings.healthcheck) {
            *words = scanner.conceal_words(words);
        }
        let findings: Vec<Finding> = inspected.findings.into_iter().chain(found.passed_over()).collect();
        InspectedImage { layers, settings, secrets: told, findings, ..inspected }
    }
}
