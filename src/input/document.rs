//! Documents of an archive: read whole, checked, and left out when they are about one image that nobody asked for.

use super::error::InputError;
use super::store::Store;
use crate::blob::{Mismatch, Span, verify};
use crate::budget::Budget;
use crate::limits::Limits;
use crate::oci::{Catalog, Digest, Other};

/// What the documents of an archive may ask for.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'b> {
    pub(super) limits: &'b Limits,
    pub(super) budget: &'b Budget,
}

impl Bounds<'_> {
    /// Counts memory for documents, which are needed to the end.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), InputError> {
        self.budget.hold(bytes)?.for_ever();
        Ok(())
    }
}

/// Bytes of memory that a value takes up besides its text.
const VALUE: u64 = 100;

/// Bytes of memory that a document takes up when it is parsed.
pub(super) fn weight(document: &[u8]) -> u64 {
    // Each value has a comma or a colon before it; those in texts count too, which does no harm.
    let values = document.iter().filter(|byte| matches!(byte, b',' | b':')).count() as u64;
    document.len() as u64 + values * VALUE
}

/// The bytes of a small document.
pub(super) fn document(span: &Span, what: &str, bounds: Bounds<'_>) -> Result<Vec<u8>, InputError> {
    let bytes = span.read_all(bounds.limits.document);
    let bytes = bytes.map_err(|problem| InputError::Document { what: what.to_owned(), problem })?;
    bounds.hold(weight(&bytes))?;
    Ok(bytes)
}

/// The bytes of a document that a descriptor means.
pub(super) fn verified(
    store: &dyn Store,
    what: &str,
    digest: Digest,
    size: u64,
    bounds: Bounds<'_>,
) -> Result<Option<Vec<u8>>, InputError> {
    let Some(span) = store.document(digest, size)? else { return Ok(None) };
    if span.len() != size {
        let problem = Mismatch::Size { expected: size, found: span.len() };
        return Err(InputError::Mismatch { what: what.to_owned(), problem });
    }
    let bytes = document(&span, what, bounds)?;
    verify(&bytes, digest, size).map_err(|problem| InputError::Mismatch { what: what.to_owned(), problem })?;
    Ok(Some(bytes))
}

/// What was read, or [`Other::Broken`] for an image that cannot be; `first` keeps the first reason.
pub(super) fn broken<T>(
    read: Result<T, InputError>,
    first: &mut Option<InputError>,
) -> Result<Result<T, Other>, InputError> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(problem) if problem.is_of_one_image() => {
            let broken = Other::Broken(problem.to_string());
            first.get_or_insert(problem);
            Ok(Err(broken))
        }
        Err(problem) => Err(problem),
    }
}

/// The catalog, unless nothing in it can be read: then that is why.
pub(super) fn whole(catalog: Catalog, problem: Option<InputError>) -> Result<Catalog, InputError> {
    problem.filter(|_| catalog.images.is_empty()).map_or(Ok(catalog), Err)
}

/// Counts the bytes of one more config.
pub(super) fn count(configs: &mut u64, config: &[u8], bounds: Bounds<'_>) -> Result<(), InputError> {
    *configs += config.len() as u64;
    if *configs <= bounds.limits.configs {
        return Ok(());
    }
    let limit = usize::try_from(bounds.limits.configs).unwrap_or(usize::MAX);
    Err(InputError::TooMuch { what: "the bytes of all configs", limit })
}
