//! Image archives as tests write them, in every form the tool reads.

use std::io::Write;

use serde_json::{Value, json};

use super::read::sha256;

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Plain,
    Gzip,
    /// Several members.
    GzipMembers,
    Zstd,
}

/// The form of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `docker save` before 25: `<id>/layer.tar`.
    Docker,
    /// An OCI archive.
    Oci,
    /// `docker save` since 25: both at once.
    Both,
}

pub(crate) fn compress(bytes: &[u8], codec: Codec) -> Vec<u8> {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    match codec {
        Codec::Plain => bytes.to_vec(),
        Codec::Gzip => gzip(bytes),
        Codec::GzipMembers => {
            let (first, second) = bytes.split_at(bytes.len() / 3);
            [gzip(first), gzip(b""), gzip(second)].concat()
        }
        Codec::Zstd => zstd::encode_all(bytes, 3).unwrap(),
    }
}

/// An image to be saved.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Uncompressed layers, oldest first.
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) codec: Codec,
    /// Members of the config besides `rootfs` and `history`.
    pub(crate) config: Value,
    pub(crate) tags: Vec<String>,
    /// Members of the manifest besides its own.
    pub(crate) manifest: Value,
}

impl Image {
    pub(crate) fn new(layers: Vec<Vec<u8>>) -> Self {
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]}});
        Self { layers, codec: Codec::Gzip, config, tags: vec!["case:1".to_owned()], manifest: json!({}) }
    }

    /// The config as bytes.
    pub(crate) fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        let diff_ids: Vec<String> = self.layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
        let members = config.as_object_mut().unwrap();
        members.entry("rootfs").or_insert(json!({"type": "layers", "diff_ids": diff_ids}));
        let rows: Vec<Value> = (0..self.layers.len()).map(|row| json!({"created_by": format!("step {row}")})).collect();
        members.entry("history").or_insert(json!(rows));
        serde_json::to_vec(&config).unwrap()
    }

    pub(crate) fn save(&self, form: Form) -> Vec<u8> {
        save(std::slice::from_ref(self), form)
    }
}

/// Collects the files of an archive.
#[derive(Clone, Default)]
pub(crate) struct Archive {
    files: Vec<(String, Vec<u8>)>,
}

impl Archive {
    pub(crate) fn file(&mut self, name: &str, bytes: Vec<u8>) {
        if !self.files.iter().any(|(known, _)| known == name) {
            self.files.push((name.to_owned(), bytes));
        }
    }

    /// Adds a blob; the descriptor of it.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = sha256(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()});
        self.file(&format!("blobs/sha256/{digest}"), bytes);
        descriptor
    }

    /// Adds the blobs of an image; the descriptor of its manifest.
    pub(crate) fn image(&mut self, image: &Image) -> Value {
        let suffix = match image.codec {
            Codec::Plain => "",
            Codec::Gzip | Codec::GzipMembers => "+gzip",
            Codec::Zstd => "+zstd",
        };
        self.packed(image, suffix, image.layers.iter().map(|layer| compress(layer, image.codec)).collect())
    }

    /// The manifest of an image whose blobs are added.
    pub(crate) fn manifest(&mut self, image: &Image) -> Vec<u8> {
        let descriptor = self.image(image);
        let name = descriptor["digest"].as_str().unwrap().replace(':', "/");
        self.files.iter().find(|(known, _)| known.ends_with(&name)).unwrap().1.clone()
    }

    /// The same with layers that are compressed already.
    pub(crate) fn packed(&mut self, image: &Image, suffix: &str, blobs: Vec<Vec<u8>>) -> Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", image.config_bytes());
        let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
        let layers: Vec<Value> = blobs.into_iter().map(|blob| self.blob(&media_type, blob)).collect();
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        manifest.as_object_mut().unwrap().extend(image.manifest.as_object().unwrap().clone());
        self.blob(MANIFEST, serde_json::to_vec(&manifest).unwrap())
    }

    /// Adds a nested index; the descriptor of it.
    pub(crate) fn index(&mut self, manifests: &[Value]) -> Value {
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.blob(INDEX, serde_json::to_vec(&index).unwrap())
    }

    /// Adds what makes it an OCI layout.
    pub(crate) fn layout(&mut self, manifests: &[Value]) {
        self.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        self.file("index.json", serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": manifests})).unwrap());
    }

    /// The tar.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (name, bytes) in &self.files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// The files in a directory.
    pub(crate) fn write_to(&self, directory: &std::path::Path) {
        for (name, bytes) in &self.files {
            let path = directory.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

pub(crate) fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{name}"),
        "org.opencontainers.image.ref.name": name,
    });
    descriptor
}

/// Several images in one archive.
pub(crate) fn save(images: &[Image], form: Form) -> Vec<u8> {
    collect(images, form).tar()
}

pub(crate) fn collect(images: &[Image], form: Form) -> Archive {
    let mut archive = Archive::default();
    if form != Form::Docker {
        let mut manifests = Vec::new();
        for image in images {
            let descriptor = archive.image(image);
            match &image.tags[..] {
                [] => manifests.push(descriptor),
                tags => manifests.extend(tags.iter().map(|tag| named(descriptor.clone(), tag))),
            }
        }
        archive.layout(&manifests);
    }
    if form != Form::Oci {
        let mut saved = Vec::new();
        for image in images {
            let config = image.config_bytes();
            let digest = sha256(&config);
            let mut layers = Vec::new();
            for (layer, position) in image.layers.iter().zip(0..) {
                let blob = compress(layer, image.codec);
                let name = if form == Form::Both {
                    format!("blobs/sha256/{}", sha256(&blob))
                } else {
                    format!("{}-{position}/layer.tar", &digest[..12])
                };
                archive.file(&name, blob);
                layers.push(name);
            }
            let name = if form == Form::Both { format!("blobs/sha256/{digest}") } else { format!("{digest}.json") };
            archive.file(&name, config);
            saved.push(json!({"Config": name, "RepoTags": image.tags, "Layers": layers}));
        }
        archive.file("manifest.json", serde_json::to_vec(&saved).unwrap());
    }
    archive
}
