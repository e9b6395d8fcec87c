//! Whom a person's machine trusts: the system's authorities, and those that `certs.d` has for one registry.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::remote::error::Trouble;
use crate::remote::settings::Settings;

/// Where systems keep their authorities in one file: the first that is there.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Bytes of a file of certificates.
const MAX_FILE: u64 = 16 << 20;

/// What `certs.d` has for one registry.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Authorities, or the registry's own certificate.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// With what this side proves who it is: a chain and its key.
    pub(super) client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// The authorities of the system; Mozilla's, where it has none.
pub(super) fn system(settings: &Settings) -> Result<RootCertStore, Trouble> {
    let mut found: Vec<CertificateDer<'static>> = Vec::new();
    match &settings.cert_file {
        Some(file) => found.extend(certificates(file)?),
        None if settings.cert_dirs.is_empty() => {
            if let Some(bundle) = BUNDLES.into_iter().map(Path::new).find(|path| path.is_file()) {
                found.extend(certificates(bundle)?);
            }
        }
        None => {}
    }
    for directory in &settings.cert_dirs {
        for file in files(directory) {
            // Directories of authorities hold other things too.
            found.extend(certificates(&file).unwrap_or_default());
        }
    }
    let mut roots = RootCertStore::empty();
    if found.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    } else {
        roots.add_parsable_certificates(found);
    }
    Ok(roots)
}

/// What the directories of `certs.d` have for `authority` (a host, and its port if one was given).
pub(super) fn own(settings: &Settings, authority: &str) -> Result<Own, Trouble> {
    let mut own = Own::default();
    // A name with slashes or dots alone would lead elsewhere.
    if authority.contains('/') || authority.starts_with('.') {
        return Ok(own);
    }
    for directory in &settings.certs_d {
        for file in files(&directory.join(authority)) {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => {
                    let found = certificates(&file)?;
                    if found.is_empty() {
                        return Err(unfit(&file, "it has no certificate in PEM form"));
                    }
                    own.authorities.extend(found);
                }
                Some("cert") if own.client.is_none() => {
                    let key = file.with_extension("key");
                    let private = PrivateKeyDer::from_pem_slice(&read(&key)?);
                    let private = private.map_err(|_| unfit(&key, "it has no private key in PEM form"))?;
                    own.client = Some((certificates(&file)?, private));
                }
                _ => {}
            }
        }
    }
    Ok(own)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let bytes = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    all.map_err(|_| unfit(file, "it is not a readable list of certificates in PEM form"))
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    match fs::metadata(file) {
        Ok(meta) if meta.len() > MAX_FILE => return Err(unfit(file, "it is too large for a list of certificates")),
        _ => {}
    }
    fs::read(file).map_err(|problem| unfit(file, &problem.to_string()))
}

fn unfit(file: &Path, why: &str) -> Trouble {
    Trouble::Here { what: file.display().to_string(), why: why.to_owned() }
}

/// The files of a directory, sorted; none when there is no such directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}
