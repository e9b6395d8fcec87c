//! What rules ask of an image besides its tree.

use crate::oci::Document;
use crate::packages::Owners;

/// What is known of an image besides its tree.
#[derive(Clone, Copy, Debug)]
pub struct PruneFacts<'f> {
    /// What containers of it run by: the config's `config`.
    pub config: &'f Document,
    /// The package of each file.
    pub owners: &'f Owners,
}

impl PruneFacts<'_> {
    /// The environment, by name and value.
    pub(in crate::slim) fn env(&self) -> Vec<(String, String)> {
        let env: Vec<String> = self.config.get("Env", "").ok().flatten().unwrap_or_default();
        env.iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The directories that programs are looked for in.
    pub(in crate::slim) fn path(&self) -> Vec<String> {
        let path = self.env().into_iter().filter(|(name, _)| name == "PATH").map(|(_, value)| value).next_back();
        let path = path.unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        // It comes from the image: so few are enough, and a shell reads no patterns in it.
        let mut places: Vec<String> = Vec::new();
        for place in path.split(':').map(|place| place.trim_end_matches('/')) {
            let is_place = place.starts_with('/') && place.len() < 4096 && !places.iter().any(|known| known == place);
            if is_place && places.len() < MAX_PLACES {
                places.push(place.to_owned());
            }
        }
        places
    }
}

/// Directories of PATH that are looked at.
const MAX_PLACES: usize = 64;
