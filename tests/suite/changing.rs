//! Inputs that change while they are read: the right answer or a refusal, and never anything else.
//!
//! A squash tells its progress from known places, so an input can be overwritten at an exact moment inside the run: when
//! it was told something for the n-th time.

use std::fs::{File, FileTimes, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use imgsquash::progress::{Progress, Stage};
use imgsquash::request::{Compression, Exactness, Format, Keep, Split, Target};
use imgsquash::{Error, Squash};

use crate::support::archive::{Codec, Form, Image, collect, compress};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::sha256;
use crate::support::run::{Place, request};

/// A sequence of numbers that look random and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }
}

/// Calls a function at each moment, with its number from 0 and the stage that begins then, if one does.
struct At<F>(AtomicUsize, F);

impl<F: Fn(usize, Option<Stage>) + Sync> At<F> {
    fn new(act: F) -> Self {
        Self(AtomicUsize::new(0), act)
    }

    fn tell(&self, stage: Option<Stage>) {
        (self.1)(self.0.fetch_add(1, Ordering::SeqCst), stage);
    }
}

impl<F: Fn(usize, Option<Stage>) + Sync> Progress for At<F> {
    fn begin(&self, stage: Stage, _: Option<u64>) {
        self.tell(Some(stage));
    }

    fn advance(&self, _: u64) {
        self.tell(None);
    }
}

fn layer(files: &[(&str, usize)], gone: &[&str]) -> Vec<u8> {
    let mut numbers = Numbers(files.len() as u64);
    let file = |name: &str, contents: Vec<u8>| Entry { name: name.into(), node: Node::new(Kind::File(contents)) };
    let mut entries = Vec::new();
    for (name, size) in files {
        // Half of it can be compressed.
        let mut contents = numbers.bytes(size / 2);
        contents.extend(contents.iter().map(|byte| b'a' + byte % 8).collect::<Vec<u8>>());
        entries.push(file(name, contents));
    }
    entries.extend(gone.iter().map(|name| file(name, Vec::new())));
    Layer { entries, ..Layer::default() }.tar()
}

/// Three layers of several blocks, of which much stays and something goes.
fn image(codec: Codec) -> Image {
    let lower: &[(&str, usize)] = &[("a", 300_000), ("b", 150_000), ("c", 5_000), ("d", 90_000), ("e", 400_000)];
    let middle: &[(&str, usize)] = &[("b", 120_000), ("f", 500_000), ("g", 20_000), ("same1", 70_000)];
    let upper: &[(&str, usize)] = &[("h", 250_000), ("g", 30_000), ("i", 1_000)];
    let layers = vec![layer(lower, &[]), layer(middle, &[".wh.d"]), layer(upper, &[".wh.c"])];
    Image { codec, ..Image::new(layers) }
}

/// How an input is laid out.
#[derive(Clone, Copy, Debug)]
enum Laid {
    Docker,
    Oci,
    Directory,
}

impl Laid {
    /// Writes the input; the files that it consists of.
    fn write(self, image: &Image, input: &Path) -> Vec<PathBuf> {
        let archive =
            collect(std::slice::from_ref(image), if matches!(self, Self::Docker) { Form::Docker } else { Form::Oci });
        match self {
            Self::Docker | Self::Oci => {
                std::fs::write(input, archive.tar()).unwrap();
                vec![input.to_owned()]
            }
            Self::Directory => {
                archive.write_to(input);
                let blobs = std::fs::read_dir(input.join("blobs/sha256")).unwrap();
                let mut files: Vec<PathBuf> = blobs.map(|entry| entry.unwrap().path()).collect();
                files.sort();
                files.push(input.join("index.json"));
                files
            }
        }
    }
}

/// What is asked of the squash.
type Change = fn(&mut Squash);

/// Each way a blob is read a second time or copied.
const VARIANTS: [(&str, Laid, Codec, Change); 15] = [
    ("plain", Laid::Docker, Codec::Plain, |_| ()),
    ("plain, uncompressed", Laid::Docker, Codec::Plain, |options| options.compression = Some(Compression::None)),
    ("plain, kept and read", Laid::Docker, Codec::Plain, |options| {
        (options.keep, options.exactness) = (Keep::First(1), Exactness::Always);
    }),
    ("plain, kept and not read", Laid::Docker, Codec::Plain, |options| {
        (options.keep, options.exactness) = (Keep::First(2), Exactness::Never);
    }),
    ("plain, split", Laid::Docker, Codec::Plain, |options| options.split = Split::Auto),
    ("gzip", Laid::Oci, Codec::Gzip, |_| ()),
    ("gzip, not spliced", Laid::Oci, Codec::Gzip, |options| options.compression = Some(Compression::Zstd(1))),
    ("gzip, kept and read", Laid::Oci, Codec::Gzip, |options| {
        (options.keep, options.exactness) = (Keep::First(1), Exactness::Always);
    }),
    ("gzip, kept and not read", Laid::Oci, Codec::Gzip, |options| {
        (options.keep, options.exactness) = (Keep::First(2), Exactness::Never);
    }),
    ("gzip, split", Laid::Oci, Codec::GzipMembers, |options| options.split = Split::Auto),
    ("zstd", Laid::Oci, Codec::Zstd, |options| options.compression = Some(Compression::Zstd(1))),
    ("zstd, kept and not read", Laid::Oci, Codec::Zstd, |options| {
        (options.keep, options.exactness) = (Keep::First(1), Exactness::Never);
    }),
    ("directory", Laid::Directory, Codec::Gzip, |options| options.link_equal_files = true),
    ("directory, kept and not read", Laid::Directory, Codec::Gzip, |options| {
        (options.keep, options.exactness) = (Keep::First(2), Exactness::Never);
        options.format = Format::OciDirectory;
    }),
    ("directory, kept and read", Laid::Directory, Codec::Plain, |options| {
        (options.keep, options.exactness) = (Keep::First(2), Exactness::Always);
        options.format = Format::OciDirectory;
    }),
];

/// All files below a place and what is in them.
fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if path.is_file() {
        return vec![(path.to_owned(), std::fs::read(path).unwrap())];
    }
    let mut names: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().flat_map(|name| contents(name)).collect()
}

/// Something that happens to an input.
#[derive(Debug)]
struct Harm {
    /// When, and when it is undone, if it ever is.
    at: usize,
    undone: Option<usize>,
    file: PathBuf,
    offset: usize,
    bytes: Vec<u8>,
    /// The file ends at `offset` then.
    cut: bool,
    /// Whoever writes puts the time back, as `rsync --times --inplace` does.
    hides_time: bool,
}

impl Harm {
    fn random(numbers: &mut Numbers, moments: usize, files: &[PathBuf]) -> Self {
        // Larger files are hit more often, as they would be.
        let size = |file: &PathBuf| usize::try_from(file.metadata().unwrap().len()).unwrap();
        let sizes: Vec<usize> = files.iter().map(size).collect();
        let mut place = numbers.below(sizes.iter().sum());
        let at = sizes.iter().position(|size| place.checked_sub(*size).map(|rest| place = rest).is_none()).unwrap();
        let len = [1, 100, 4096, 70_000, 300_000][numbers.below(5)].min(sizes[at] - place);
        let moment = numbers.below(moments);
        let undone = (numbers.below(3) == 0).then(|| moment + 1 + numbers.below(4));
        Self {
            at: moment,
            undone,
            file: files[at].clone(),
            offset: place,
            bytes: numbers.bytes(len),
            cut: numbers.below(8) == 0,
            hides_time: numbers.below(2) == 0,
        }
    }

    fn act(&self, moment: usize, before: &[u8]) {
        let bytes = match moment {
            now if now == self.at => &self.bytes[..],
            now if Some(now) == self.undone => &before[self.offset..],
            _ => return,
        };
        let file = File::options().write(true).open(&self.file).unwrap();
        let time = file.metadata().unwrap().modified().unwrap();
        if moment == self.at && self.cut {
            file.set_len(self.offset as u64).unwrap();
        } else {
            file.write_all_at(bytes, self.offset as u64).unwrap();
        }
        if self.hides_time {
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
        }
    }
}

/// What became of a squash whose input was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Right,
    Refused,
}

/// Squashes while harm is done. Whatever happens, the output is right or there is none.
fn suffer(name: &str, seed: u64) -> End {
    let (_, laid, codec, change) = VARIANTS.into_iter().find(|variant| variant.0 == name).unwrap();
    let (image, place) = (image(codec), Place::new());
    let input = place.path("in");
    let files = laid.write(&image, &input);
    let run = |target: &str, progress: &dyn Progress| {
        let mut options = request(&input, &place.path(target));
        change(&mut options);
        imgsquash::squash(&options, progress)
    };
    let undisturbed = At::new(|_, _| ());
    run("expected", &undisturbed).unwrap();
    let moments = undisturbed.0.load(Ordering::SeqCst);
    let mut numbers = Numbers(seed);
    let harm = Harm::random(&mut numbers, moments, &files);
    let before = std::fs::read(&harm.file).unwrap();
    let end = run("out", &At::new(|moment, _| harm.act(moment, &before)));
    let shown = Harm { bytes: Vec::new(), ..harm };
    match end {
        Ok(_) => {
            let found = |target: &str| {
                let path = place.path(target);
                let relative =
                    |(file, bytes): (PathBuf, Vec<u8>)| (file.strip_prefix(&path).unwrap().to_owned(), bytes);
                contents(&path).into_iter().map(relative).collect::<Vec<_>>()
            };
            assert!(found("out") == found("expected"), "{name}: another image came out of seed {seed}: {shown:?}");
            End::Right
        }
        Err(error) => {
            let text = error.to_string();
            assert_eq!(error.exit_code(), 3, "{name}, seed {seed}: {text}");
            assert!(!text.contains('\n'), "{text}");
            assert_eq!(place.names(), ["expected", "in"], "{name}, seed {seed}: nothing is left behind");
            End::Refused
        }
    }
}

#[test]
fn random_overwrites_end_with_the_right_image_or_with_none() {
    let times = u64::from(crate::support::cases(5).cases);
    let mut ends = Vec::new();
    for (variant, at) in VARIANTS.iter().zip(0..) {
        ends.extend((0..times).map(|seed| suffer(variant.0, at * 1_000_000 + seed)));
    }
    assert!(ends.contains(&End::Refused), "some of it was noticed");
}

/// An image in a directory, and the blob of its oldest layer.
struct Scene {
    place: Place,
    input: PathBuf,
    blob: PathBuf,
    before: Vec<u8>,
}

impl Scene {
    fn new(image: &Image) -> Self {
        let place = Place::new();
        let input = place.path("in");
        Laid::Directory.write(image, &input);
        let before = compress(&image.layers[0], image.codec);
        let blob = input.join("blobs/sha256").join(sha256(&before));
        Self { place, input, blob, before }
    }

    /// Squashes it and calls `act` at each moment.
    fn squash(&self, change: impl Fn(&mut Squash), act: impl Fn(usize, Option<Stage>) + Sync) -> Result<(), Error> {
        let mut options = request(&self.input, &self.place.path("out"));
        change(&mut options);
        imgsquash::squash(&options, &At::new(act)).map(|_| ())
    }

    /// The message of a squash that fails and leaves nothing behind.
    #[track_caller]
    fn refused(&self, change: impl Fn(&mut Squash), act: impl Fn(usize, Option<Stage>) + Sync) -> String {
        let error = self.squash(change, act).expect_err("it must be refused");
        assert_eq!(error.exit_code(), 3, "{error}");
        assert_eq!(self.place.names(), ["in"], "nothing is left behind");
        error.to_string()
    }

    /// Changes a byte of the blob, or back, and puts the time back.
    fn flip(&self) {
        let at = self.before.len() as u64 / 4 * 3;
        hidden(&self.blob, |file| {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[!byte[0]], at).unwrap();
        });
    }

    /// The moments of an undisturbed squash.
    fn moments(&self, change: impl Fn(&mut Squash)) -> Vec<Option<Stage>> {
        let moments = Mutex::new(Vec::new());
        self.squash(change, |_, stage| moments.lock().unwrap().push(stage)).unwrap();
        let out = self.place.path("out");
        if out.is_dir() {
            std::fs::remove_dir_all(out).unwrap()
        } else {
            std::fs::remove_file(out).unwrap()
        }
        moments.into_inner().unwrap()
    }
}

/// Writes to a file whose time then says that nobody did.
fn hidden(path: &Path, write: impl FnOnce(&File)) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let time = file.metadata().unwrap().modified().unwrap();
    write(&file);
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn what_is_read_again_is_what_was_verified() {
    for codec in [Codec::Plain, Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        let again = |problem: &str| format!("/in: cannot read layer 1 again: the input {problem} while it was read");
        let scene = Scene::new(&image(codec));
        let text = scene.refused(
            |_| (),
            |_, stage| {
                if stage == Some(Stage::Writing) {
                    scene.flip()
                }
            },
        );
        assert!(text.contains(&again("changed")), "{codec:?}: {text}");
        let scene = Scene::new(&image(codec));
        let half = scene.before.len() as u64 / 2;
        let cut = || hidden(&scene.blob, |file| file.set_len(half).unwrap());
        let text = scene.refused(
            |_| (),
            |_, stage| {
                if stage == Some(Stage::Writing) {
                    cut()
                }
            },
        );
        assert!(text.contains(&again("became shorter")), "{codec:?}: {text}");
    }
}

#[test]
fn equal_contents_and_package_databases_are_read_as_they_were_verified() {
    // The same file in both layers: whether it is the same is asked after all layers were read.
    let files: &[(&str, usize)] = &[("a", 300_000), ("b", 300_000)];
    let scene = Scene::new(&Image::new(vec![layer(files, &[]), layer(&[files[0], ("c", 9)], &[])]));
    let change = |options: &mut Squash| (options.keep, options.exactness) = (Keep::First(1), Exactness::Always);
    let moments = scene.moments(change);
    let reading = moments[1..].iter().position(Option::is_some).unwrap();
    let text = scene.refused(change, |moment, _| {
        if moment == reading {
            scene.flip()
        }
    });
    assert!(text.contains("the input changed while it was read"), "{text}");
}

#[test]
fn kept_layers_are_verified_as_they_were_written() {
    let formats =
        [(Format::Universal, Target::Path(PathBuf::new())), (Format::OciDirectory, Target::Path(PathBuf::new()))];
    for codec in [Codec::Plain, Codec::Gzip] {
        for (format, target) in formats.clone().into_iter().chain([(Format::Universal, Target::Nowhere)]) {
            let is_nowhere = target == Target::Nowhere;
            let with = |exactness| {
                let target = target.clone();
                move |options: &mut Squash| {
                    (options.keep, options.exactness, options.format) = (Keep::First(1), exactness, format);
                    if target == Target::Nowhere {
                        options.target = target.clone();
                    }
                }
            };
            // Not read before: the blob is another one while it is copied, and right again when it might be verified.
            let scene = Scene::new(&image(codec));
            let is_copied = |moment, stage| moment > 0 && stage == Some(Stage::Reading);
            let act = |moment, stage| {
                if is_copied(moment, stage) {
                    scene.flip()
                }
            };
            let flipped = Mutex::new(false);
            let and_back = |moment, stage| {
                let mut flipped = flipped.lock().unwrap();
                if *flipped || is_copied(moment, stage) {
                    scene.flip();
                    *flipped = !*flipped && is_copied(moment, stage);
                }
            };
            let text = match is_nowhere {
                true => scene.refused(with(Exactness::Never), act),
                false => scene.refused(with(Exactness::Never), and_back),
            };
            assert!(text.contains("layer 1 of 3 (blobs/sha256/") && text.contains("mismatch: expected"), "{text}");
            // Read before, to the end.
            if !is_nowhere {
                let scene = Scene::new(&image(codec));
                let moments = scene.moments(with(Exactness::Always));
                let writing = moments.iter().position(|stage| *stage == Some(Stage::Writing)).unwrap();
                let act = |moment, _| {
                    if moment + 1 == writing || moment == writing {
                        scene.flip()
                    }
                };
                let text = scene.refused(with(Exactness::Always), act);
                assert!(text.contains("layer 1 of 3 (blobs/sha256/"), "{text}");
                assert!(text.contains("): the input changed while it was read"), "{text}");
            }
        }
    }
}

#[test]
fn a_layer_that_stays_the_same_is_verified_as_it_was_written() {
    let scene = Scene::new(&Image::new(vec![layer(&[("a", 300_000), ("b", 500_000)], &[])]));
    let moments = scene.moments(|_| ());
    assert_eq!(moments.iter().flatten().count(), 1, "it is copied, not written anew");
    let text = scene.refused(
        |_| (),
        |moment, _| {
            if moment + 1 == moments.len() {
                scene.flip()
            }
        },
    );
    assert!(text.contains("layer 1 of 1 (blobs/sha256/") && text.contains("the input changed"), "{text}");
}

/// Long ago, so that writing to a file now is another time whatever the clock's steps are.
fn age(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn writing_to_the_input_is_found_wherever_it_is_written() {
    let place = Place::new();
    let input = place.path("in");
    Laid::Docker.write(&image(Codec::Plain), &input);
    let squash = |act: &(dyn Fn(Option<Stage>) + Sync)| {
        age(&input);
        imgsquash::squash(&request(&input, &place.path("out")), &At::new(|_, stage| act(stage)))
    };
    squash(&|_| ()).unwrap();
    let expected = std::fs::read(place.path("out")).unwrap();
    // What changes a file's state but not its bytes is no matter.
    let other = place.write("other", b"another archive");
    squash(&|stage| {
        if stage == Some(Stage::Writing) {
            std::fs::set_permissions(&input, Permissions::from_mode(0o600)).unwrap();
            std::fs::hard_link(&input, place.path("link")).unwrap();
            std::fs::rename(&other, &input).unwrap();
        }
    })
    .unwrap();
    assert!(std::fs::read(place.path("out")).unwrap() == expected);
    std::fs::rename(place.path("link"), &input).unwrap();
    // A byte that nobody reads again, and one more.
    let len = input.metadata().unwrap().len();
    for (at, text) in [(len - 1, "changed"), (len, "changed"), (300, "changed")] {
        std::fs::write(place.path("out"), "as it was").unwrap();
        let error = squash(&|stage| {
            if stage == Some(Stage::Writing) {
                File::options().write(true).open(&input).unwrap().write_all_at(b"x", at).unwrap();
            }
        })
        .unwrap_err();
        let expected = format!(
            "{}: the input {text} while it was read: squash it again when nothing writes to it",
            input.display()
        );
        assert_eq!((error.to_string(), error.exit_code()), (expected, 3));
        assert_eq!(std::fs::read(place.path("out")).unwrap(), b"as it was");
        assert_eq!(place.names(), ["in", "out"]);
    }
}

#[test]
fn an_input_cut_while_it_is_read_for_the_first_time_is_called_so() {
    let scene = Scene::new(&image(Codec::Plain));
    age(&scene.blob);
    let cut = || File::options().write(true).open(&scene.blob).unwrap().set_len(100_000).unwrap();
    let text = scene.refused(
        |_| (),
        |_, stage| {
            if stage == Some(Stage::Reading) {
                cut()
            }
        },
    );
    assert!(text.contains("layer 1 of 3 (") && text.contains("the input became shorter while it was read"), "{text}");
}

#[test]
fn an_archive_compressed_as_a_whole_may_not_change_while_it_is_copied() {
    let place = Place::new();
    let archive = collect(&[image(Codec::Plain)], Form::Docker).tar();
    let input = place.write("in", &compress(&archive, Codec::Gzip));
    age(&input);
    // The time in the header of gzip, which no checksum covers.
    let write = || File::options().write(true).open(&input).unwrap().write_all_at(b"x", 4).unwrap();
    let act = |_, stage| {
        if stage == Some(Stage::Copying) {
            write()
        }
    };
    let error = imgsquash::squash(&request(&input, &place.path("out")), &At::new(act)).unwrap_err();
    assert!(error.to_string().contains("cannot read it: the input changed while it was read"), "{error}");
    assert_eq!(place.names(), ["in"]);
}
