//! The tags of a repository, and the one that was meant.

use serde::Deserialize;
use ureq::http::Method;
use ureq::http::header::LINK;

use super::host::Repository;
use crate::remote::error::shown;

/// Bytes of a page of tags.
const MAX_PAGE: u64 = 1 << 20;
/// Pages that are looked at for the tag that was meant.
const MAX_PAGES: usize = 10;
/// Tags that are named when none is near.
const NAMED: usize = 3;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Repository {
    /// What else `tag` may have meant, for the end of a message; empty when nothing can be said.
    pub(super) fn hint(&self, tag: &str) -> String {
        let tags = self.tags();
        let near = |name: &String| strsim::damerau_levenshtein(name, tag);
        match tags.iter().min_by_key(|name| (near(name), (*name).clone())) {
            None => String::new(),
            Some(best) if near(best) <= 2.max(tag.len() / 3) => format!(": is {} meant?", shown(best)),
            Some(_) => {
                let (first, more) = (tags.iter().take(NAMED), if tags.len() > NAMED { " …" } else { "" });
                let first: Vec<String> = first.map(|tag| shown(tag)).collect();
                format!(": there are {}{more}", first.join(", "))
            }
        }
    }

    /// Tags of the repository, as many as a few pages have; none when they cannot be listed.
    fn tags(&self) -> Vec<String> {
        let mut question = self.question(Method::GET, "tags/list?n=1000", false);
        question.is_once = true;
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let Ok((answer, url)) = self.ask(&question) else { break };
            let next = answer.header(&LINK).and_then(next).and_then(|next| url.join(next));
            let Ok(bytes) = answer.into_bytes(MAX_PAGE) else { break };
            let Ok(page) = serde_json::from_slice::<Page>(&bytes) else { break };
            tags.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) if next.is_same_origin(&question.url) => question.url = next,
                _ => break,
            }
        }
        tags
    }
}

/// The address of the next page.
fn next(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_next_page() {
        assert_eq!(next("</v2/a/tags/list?last=b>; rel=\"next\""), Some("/v2/a/tags/list?last=b"));
        assert_eq!(next("</v2/>; rel=\"prev\""), None);
        assert_eq!(next("next"), None);
    }
}
