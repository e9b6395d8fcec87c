//! Places where secrets are looked for.

use serde::{Serialize, Serializer};

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A file of a layer.
    File,
    /// A row of the history.
    History,
    /// A variable of the environment.
    Env,
    /// A label.
    Label,
    /// Entrypoint, Cmd or another command of the config.
    Cmd,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::File, Self::History, Self::Env, Self::Label, Self::Cmd];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::History => "history",
            Self::Env => "env",
            Self::Label => "label",
            Self::Cmd => "cmd",
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
