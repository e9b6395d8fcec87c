//! An output that waits for its place, read back like any archive.

use std::fmt;
use std::sync::Arc;

use super::write::Output;
use crate::blob::Span;
use crate::error::Error;
use crate::input::{self, Door, OpenError, Opening, Origin, Store};
use crate::output::Waiting;

/// The door to it.
#[derive(Debug)]
struct Back {
    name: String,
    at: At,
}

#[derive(Debug)]
enum At {
    Archive(Span),
    Directory(Origin),
}

impl Door for Back {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
        match &self.at {
            At::Archive(archive) => input::open_archive(archive, with),
            At::Directory(origin) => input::open(origin, with),
        }
    }
}

impl Output {
    /// Where it can be read while it waits for its place. An error when nothing is kept of it.
    pub fn back(&self) -> Result<Origin, Error> {
        let failed = |cause| Error::Output { target: self.target.clone(), cause };
        let at = match &self.waiting {
            Some(Waiting::Archive(file)) => {
                let file = file.try_clone().map_err(failed)?;
                At::Archive(Span::whole(file).map_err(failed)?)
            }
            Some(Waiting::Directory(path)) => At::Directory(Origin::Path(path.clone())),
            None => return Err(Error::Internal("nothing was kept of an output that is to be read back".to_owned())),
        };
        Ok(Origin::Door(Arc::new(Back { name: self.target.clone(), at })))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("target", &self.target).finish_non_exhaustive()
    }
}
