//! Which images of an input are meant.

use clap::Args;
use imgsquash::request::{Platform, Selection};

#[derive(Debug, Args)]
pub(super) struct SelectArguments {
    /// Only the image called NAME; may be repeated
    #[arg(long = "ref", value_name = "NAME")]
    refs: Vec<String>,

    /// Only images for OS/ARCH[/VARIANT]; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,
}

impl SelectArguments {
    /// The images, and the one that the name of the input calls.
    pub(super) fn selection(&self, called: Option<String>) -> Selection {
        Selection { refs: self.refs.iter().cloned().chain(called).collect(), platforms: self.platforms.clone() }
    }
}
