//! From a comparison to what is told of it.

use super::diff::{
    AspectDifference, ConfigDifference, DIFF_SCHEMA_VERSION, Difference, FileDifference, ImageDifference, ImageTitle,
};
use crate::compare::{Aspect, Change, Compared, ConfigChange, PathChange};
use crate::oci::Image;
use crate::text;

impl Difference {
    /// What is told of two archives: how their images differ, and which only the first and only the second has.
    pub(crate) fn new(
        [old, new]: [String; 2],
        images: Vec<ImageDifference>,
        [only_old, only_new]: [Vec<ImageTitle>; 2],
    ) -> Self {
        let is_equal = only_old.is_empty() && only_new.is_empty() && images.iter().all(ImageDifference::is_equal);
        let (schema_version, version) = (DIFF_SCHEMA_VERSION, env!("CARGO_PKG_VERSION"));
        Self { schema_version, version, old, new, is_equal, images, only_old, only_new }
    }
}

impl ImageTitle {
    /// What `image` with these names is called.
    pub(crate) fn new(names: &[String], image: &Image) -> Self {
        Self { names: names.to_vec(), platform: image.config.platform().to_string() }
    }
}

impl ImageDifference {
    /// What is told of two images, the first of which is called so.
    pub(crate) fn new(title: ImageTitle, compared: Compared) -> Self {
        let Compared { files, config, entries, bytes } = compared;
        let files = files.into_iter().map(FileDifference::from).collect();
        let config = config.into_iter().map(ConfigDifference::from).collect();
        Self { title, entries, bytes, files, config }
    }

    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.files.is_empty() && self.config.is_empty()
    }
}

impl From<PathChange> for FileDifference {
    fn from(change: PathChange) -> Self {
        let PathChange { path, change, old_bytes, new_bytes } = change;
        let (change, what) = match change {
            Change::Added => ("added", Vec::new()),
            Change::Removed => ("removed", Vec::new()),
            Change::Changed(what) => ("changed", what),
        };
        let aspect = |(aspect, old, new): (Aspect, _, _)| AspectDifference { aspect: aspect.name(), old, new };
        let what = what.into_iter().map(aspect).collect();
        Self { path: format!("/{}", text::exact(path.as_bytes())), change, old_bytes, new_bytes, what }
    }
}

impl From<ConfigChange> for ConfigDifference {
    fn from(ConfigChange { member, old, new }: ConfigChange) -> Self {
        Self { member, old: old.map(|value| value.to_string()), new: new.map(|value| value.to_string()) }
    }
}
