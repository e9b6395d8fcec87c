//! What rules ask of single files.

use crate::tree::{NodeId, Tree, TreePath};

/// Whether the path that `wanted` says, relative to the directory of `id`, is in the tree. `{stem}` is the name of `id`
/// up to its first dot.
pub(in crate::slim) fn has_companion(tree: &Tree, id: NodeId, wanted: &str) -> bool {
    let name = tree.name(id);
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or(name);
    let (before, after) = wanted.split_once("{stem}").unwrap_or((wanted, ""));
    let stem = if wanted.contains("{stem}") { stem } else { b"" };
    let path = [tree.path(tree.parent(id)).as_bytes(), b"/", before.as_bytes(), stem, after.as_bytes()].concat();
    TreePath::parse(&path).is_ok_and(|path| tree.find(&path).is_some())
}

/// The languages that an image speaks: `de_DE` and `de` for `LANG=de_DE.UTF-8`.
pub(in crate::slim) fn languages(env: &[(String, String)]) -> Vec<String> {
    let mut languages = Vec::new();
    let names = env.iter().filter(|(name, _)| name == "LANG" || name == "LANGUAGE" || name.starts_with("LC_"));
    for locale in names.flat_map(|(_, value)| value.split(':')).take(MAX_LANGUAGES) {
        let place = locale.split(['.', '@']).next().unwrap_or(locale);
        let language = place.split('_').next().unwrap_or(place);
        languages.extend([locale, place, language].into_iter().filter(|text| is_language(text)).map(str::to_owned));
    }
    languages.sort();
    languages.dedup();
    // Each is looked for everywhere; real images speak a few.
    languages.truncate(MAX_LANGUAGES);
    languages
}

const MAX_LANGUAGES: usize = 64;

/// Whether a text can stand in a glob for itself.
fn is_language(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c))
        && text != "."
        && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_come_from_the_environment() {
        let env = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(languages(&env(&[("LANG", "de_DE.UTF-8")])), ["de", "de_DE", "de_DE.UTF-8"]);
        assert_eq!(
            languages(&env(&[("LANGUAGE", "fr:pt_BR"), ("LC_ALL", "C.UTF-8")])),
            ["C", "C.UTF-8", "fr", "pt", "pt_BR"]
        );
        assert_eq!(languages(&env(&[("LANG", "../{x}"), ("PATH", "/bin")])), [""; 0]);
    }
}
