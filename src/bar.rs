//! The progress bar.

use std::sync::Mutex;

use imgsquash::progress::{Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error. It is gone when it is dropped.
pub(crate) struct Bar(Mutex<ProgressBar>);

impl Bar {
    /// A bar, if someone could see it.
    pub(crate) fn for_terminal() -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        (!target.is_hidden()).then(|| Self(Mutex::new(ProgressBar::hidden())))
    }
}

impl Progress for Bar {
    fn begin(&self, stage: Stage, bytes: Option<u64>) {
        let name = match stage {
            Stage::Copying => "copying",
            Stage::Reading => "reading",
            Stage::Writing => "writing",
        };
        let (template, bar) = match bytes {
            Some(bytes) => {
                ("{prefix} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}", Some(bytes))
            }
            None => ("{prefix} {spinner} {decimal_bytes}  {decimal_bytes_per_sec}", None),
        };
        let Ok(mut shown) = self.0.lock() else { return };
        shown.finish_and_clear();
        let bar = bar.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(name);
        *shown = bar;
    }

    fn advance(&self, bytes: u64) {
        if let Ok(shown) = self.0.lock() {
            shown.inc(bytes);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Ok(shown) = self.0.lock() {
            shown.finish_and_clear();
        }
    }
}
