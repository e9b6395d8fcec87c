//! Files beside what is printed: renderings for other programs, each written as a report is.

use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::output::{SideFile, Taken};
use imgsquash::report::{Inspection, html, markdown, ncdu, sarif};

use super::{is_stdout, on_disk, target};
use crate::closed;

/// What an inspection is rendered as.
#[derive(Debug, Args)]
pub(super) struct RenderArguments {
    /// Write a page that shows everything: one file for a browser, which loads nothing; - for standard output
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    html: Option<PathBuf>,

    /// Write a summary in Markdown, as for a CI job; - for standard output
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    markdown: Option<PathBuf>,

    /// Write findings and secrets as SARIF 2.1.0, as for code scanning; - for standard output
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    sarif: Option<PathBuf>,

    /// Write the final file system for ncdu -f and gdu -f; - for standard output
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    ncdu: Option<PathBuf>,

    /// What --ncdu writes: all that is in layer N, oldest 1
    #[arg(long, value_name = "N", requires = "ncdu", help_heading = FILES)]
    ncdu_layer: Option<u64>,
}

const FILES: &str = "Files";

/// An option that asks for a file, and where the file goes.
pub(super) type Asked<'a> = (&'static str, &'a Path);

/// Files that were asked for, none of which replaces anything that is read or another one.
pub(crate) struct Files {
    files: Vec<(&'static str, PathBuf, Taken)>,
    /// Whether one of them goes to standard output.
    pub(crate) to_stdout: bool,
}

/// Files whose places were found before the work; nothing is there until all is done.
pub(crate) struct Places(Vec<(PathBuf, Taken, SideFile)>);

impl RenderArguments {
    /// Each file that was asked for, with its option.
    pub(super) fn asked(&self) -> Vec<Asked<'_>> {
        let Self { html, markdown, sarif, ncdu, ncdu_layer: _ } = self;
        let all = [("--html", html), ("--markdown", markdown), ("--sarif", sarif), ("--ncdu", ncdu)];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).collect()
    }

    /// Whether any of them needs all files of the image.
    pub(super) fn lists_files(&self) -> bool {
        self.html.is_some() || self.ncdu.is_some()
    }

    /// What goes into them, in the same order, or why it cannot.
    pub(super) fn texts(&self, found: &Inspection) -> Result<Vec<String>, String> {
        let text = |(option, _): Asked<'_>| match option {
            "--html" => Ok(html::inspection(found)),
            "--markdown" => Ok(markdown::document(found)),
            "--sarif" => Ok(sarif::document(found)),
            _ => ncdu::document(found, self.ncdu_layer).map_err(|problem| format!("--ncdu-layer: {problem}")),
        };
        self.asked().into_iter().map(text).collect()
    }
}

/// What must not be replaced by one of the files: what is read, and the others.
fn taken(inputs: &[(&str, &Path)], others: &[&Asked<'_>]) -> Taken {
    let mut taken = Taken::default();
    for (name, path) in inputs {
        match path.as_os_str() == "-" {
            true => taken.read_open(name, std::io::stdin()),
            // What is elsewhere cannot be replaced by a file.
            false => _ = on_disk(path).map(|path| taken.read(name, &path)),
        }
    }
    for (option, path) in others {
        match is_stdout(path) {
            true => taken.read_open(option, std::io::stdout()),
            false => taken.written(option, path),
        }
    }
    taken
}

impl Files {
    /// Looks at what was asked for. An error if a file would replace what is read or another one, or if several go to
    /// standard output; `printed` is an option that does too.
    pub(super) fn check(
        asked: &[Asked<'_>],
        inputs: &[(&str, &Path)],
        printed: Option<&'static str>,
    ) -> Result<Self, String> {
        let (mut files, mut to_stdout) = (Vec::new(), printed);
        for (at, (option, path)) in asked.iter().enumerate() {
            let others: Vec<&Asked<'_>> = asked[..at].iter().chain(&asked[at + 1..]).collect();
            let mut taken = taken(inputs, &others);
            if is_stdout(path) {
                if let Some(other) = to_stdout.replace(option) {
                    return Err(format!("{other} and {option} cannot both go to standard output"));
                }
                if closed::stdout() {
                    return Err("standard output is closed: redirect it, or name a file".to_owned());
                }
                if let Some(name) = taken.is_open(std::io::stdout()) {
                    return Err(format!("standard output is {name}: redirect it to another file"));
                }
            } else {
                // What is printed would go to a file that has no name any more.
                if !closed::stdout() {
                    taken.read_open("the file that standard output goes to", std::io::stdout());
                }
                if let Some(name) = taken.replaced_by(path) {
                    return Err(format!("{option} would replace {name}: name another file"));
                }
            }
            files.push((*option, path.to_path_buf(), taken));
        }
        Ok(Self { files, to_stdout: to_stdout != printed })
    }

    /// Finds the place of each file.
    pub(crate) fn places(self) -> Result<Places, String> {
        let find = |(_, path, taken): (&'static str, PathBuf, Taken)| {
            let file = SideFile::create(target(&path));
            let file = file.map_err(|problem| format!("cannot write {}: {problem}", path.display()))?;
            Ok((path, taken, file))
        };
        self.files.into_iter().map(find).collect::<Result<_, String>>().map(Places)
    }
}

impl Places {
    /// Writes the files, whose texts come in the same order.
    pub(crate) fn write(self, texts: &[String]) -> Result<(), String> {
        for ((path, taken, file), text) in self.0.into_iter().zip(texts) {
            let written = file.finish(text.as_bytes(), &taken);
            written.map_err(|problem| format!("cannot write {}: {problem}", path.display()))?;
        }
        Ok(())
    }
}
