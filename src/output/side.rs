//! A file beside the image, such as a report: small, made when all else is done.

use std::io::{self, Write};
use std::path::Path;

use super::staging::{StagedFile, stream};
use super::{Means, Taken, Target};

/// A file whose place was found before the work, so that what can be known to fail fails then.
pub struct SideFile {
    target: Target,
    /// Where it waits for its name; `None` for what is written to and not replaced.
    staged: Option<StagedFile>,
}

impl SideFile {
    /// Makes ready to write `target`. Nothing is there until [`SideFile::finish`].
    pub fn create(target: Target) -> io::Result<Self> {
        let staged = StagedFile::beside(&target, Means::Own)?;
        Ok(Self { target, staged })
    }

    /// Writes `bytes` and puts the file in its place, unless it would replace what is taken by then.
    pub fn finish(self, bytes: &[u8], taken: &Taken) -> io::Result<()> {
        let refused = |name: &str| Err(io::Error::other(format!("it would replace {name}: name another file")));
        let Some(mut staged) = self.staged else {
            let mut stream = stream(&self.target)?;
            return match taken.is_open(&stream) {
                Some(name) => refused(name),
                None => stream.write_all(bytes),
            };
        };
        staged.write_all(bytes)?;
        staged.finish(&|path: &Path| taken.replaced_by(path).map_or(Ok(()), refused))
    }
}
