//! Media types: which documents and layers the input may hold.

use oci_spec::image::MediaType;

/// The manifest format from before 2016, which names layers without a config.
pub const DOCKER_SCHEMA1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// ocicrypt's mark of a layer that only its owner can read.
const ENCRYPTED: &str = "+encrypted";

/// What a descriptor of an index points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// An OCI image index or a Docker manifest list.
    Index,
    /// An OCI or Docker image manifest.
    Manifest,
    /// A Docker schema 1 manifest: has no config and cannot be squashed.
    Schema1,
    /// Anything else.
    Other,
}

/// What a layer descriptor says of its bytes. The compression is not read from it: magic bytes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A tar, compressed or not.
    Tar,
    /// A layer that may not be distributed (Windows base layers): its bytes are often not in the archive.
    Foreign,
    /// Not a file system layer but this.
    Other(String),
}

impl LayerKind {
    /// Whether it is a layer of a file system, in the archive or not, and even if nobody can read it.
    pub fn is_layer(&self) -> bool {
        !matches!(self, Self::Other(media_type) if !media_type.ends_with(ENCRYPTED))
    }
}

/// What a descriptor with this media type points to.
pub fn document_kind(media_type: &MediaType) -> DocumentKind {
    match media_type {
        MediaType::ImageIndex => DocumentKind::Index,
        MediaType::ImageManifest => DocumentKind::Manifest,
        other => match other.to_string().as_str() {
            "application/vnd.docker.distribution.manifest.list.v2+json" => DocumentKind::Index,
            "application/vnd.docker.distribution.manifest.v2+json" => DocumentKind::Manifest,
            text if DOCKER_SCHEMA1.contains(&text) => DocumentKind::Schema1,
            _ => DocumentKind::Other,
        },
    }
}

/// What a layer with this media type is.
pub fn layer_kind(media_type: &str) -> LayerKind {
    let base = media_type.split('+').next().unwrap_or_default();
    if media_type.ends_with(ENCRYPTED) {
        return LayerKind::Other(media_type.to_owned());
    }
    match base {
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.docker.image.rootfs.diff.tar"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => LayerKind::Tar,
        "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => LayerKind::Foreign,
        _ => LayerKind::Other(media_type.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_and_oci_names_mean_the_same() {
        for (text, kind) in [
            ("application/vnd.oci.image.index.v1+json", DocumentKind::Index),
            ("application/vnd.docker.distribution.manifest.list.v2+json", DocumentKind::Index),
            ("application/vnd.oci.image.manifest.v1+json", DocumentKind::Manifest),
            ("application/vnd.docker.distribution.manifest.v2+json", DocumentKind::Manifest),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", DocumentKind::Schema1),
            ("application/vnd.example.chart.v1+json", DocumentKind::Other),
        ] {
            assert_eq!(document_kind(&MediaType::from(text)), kind, "{text}");
        }
    }

    #[test]
    fn layers_are_tars_foreign_or_neither() {
        let other = |text: &str| LayerKind::Other(text.to_owned());
        for (text, kind) in [
            ("application/vnd.oci.image.layer.v1.tar", LayerKind::Tar),
            ("application/vnd.oci.image.layer.v1.tar+zstd", LayerKind::Tar),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", LayerKind::Tar),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LayerKind::Foreign),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LayerKind::Foreign),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                other("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
            ),
            ("application/vnd.in-toto+json", other("application/vnd.in-toto+json")),
        ] {
            assert_eq!(layer_kind(text), kind, "{text}");
        }
    }
}
