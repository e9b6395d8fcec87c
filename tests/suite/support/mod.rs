//! What tests share: trees as text, images made of them, and an independent reader of what comes out.

pub(crate) mod archive;
pub(crate) mod case;
pub(crate) mod layer;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod read;
pub(crate) mod run;
