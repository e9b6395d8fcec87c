//! What can be asked for.

use super::super::rules::Named;

/// How finely it is told what stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grain {
    /// A package stays whole or goes whole.
    #[default]
    Packages,
    /// Of packages that are needed, files stay that are needed.
    Files,
}

/// What is to be kept besides what is needed.
#[derive(Clone, Debug, Default)]
pub struct Minify {
    /// How finely it is told what stays.
    pub grain: Grain,
    /// Programs that stay with all they need: names or paths.
    pub with: Vec<String>,
    /// Packages that stay with all they need.
    pub with_packages: Vec<String>,
    /// Whether packages keep what they recommend.
    pub recommends: bool,
    /// What stays because a person names it, with all it needs.
    pub keep: Named,
}
