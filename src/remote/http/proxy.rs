//! Which proxy leads to a host, by the rules that Go programs have, and with them docker and podman.

use std::net::IpAddr;

use super::url::{Url, is_loopback};
use crate::remote::error::Trouble;
use crate::remote::settings::Proxies;

/// The proxy for `url`; `None` for the direct way.
pub(super) fn proxy(url: &Url, proxies: &Proxies) -> Result<Option<ureq::Proxy>, Trouble> {
    let given = if url.is_plain() { &proxies.http } else { &proxies.https };
    let Some(given) = given.as_ref().filter(|_| !is_direct(url, &proxies.none_for)) else { return Ok(None) };
    let text = given.reveal();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // The address may have a password in it and is not shown.
    let unfit = |why: &str| Trouble::Here { what: "the proxy of the environment".to_owned(), why: why.to_owned() };
    if text.starts_with("socks") {
        return Err(unfit("a SOCKS proxy is not supported, only http:// and https:// ones"));
    }
    ureq::Proxy::new(&text).map(Some).map_err(|_| unfit("expected an address as in http://proxy.example:3128"))
}

/// Whether `none_for` says that `url` is reached directly. This machine always is.
fn is_direct(url: &Url, none_for: &str) -> bool {
    is_loopback(url.authority()) || none_for.split(',').map(str::trim).any(|rule| fits(url, rule))
}

fn fits(url: &Url, rule: &str) -> bool {
    if rule == "*" {
        return true;
    }
    let rule = rule.to_ascii_lowercase();
    let address = url.host().parse::<IpAddr>().ok();
    if let Some((network, bits)) = rule.split_once('/') {
        let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
        return address.is_some_and(|address| is_in(address, network, bits));
    }
    // An IPv6 address has colons of its own.
    let (name, port) = match rule.rsplit_once(':') {
        Some((name, port)) if rule.parse::<IpAddr>().is_err() => (name, port.parse::<u16>().ok()),
        _ => (rule.as_str(), None),
    };
    if name.is_empty() || port.is_some_and(|port| port != url.port()) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(rule) = name.parse::<IpAddr>() {
        return address == Some(rule);
    }
    let (only_below, domain) = match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(domain) => (true, domain),
        None => (false, name),
    };
    match url.host().strip_suffix(domain) {
        Some("") => !only_below,
        Some(before) => before.ends_with('.'),
        None => false,
    }
}

/// Whether the first `bits` of two addresses are equal.
fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let head = |value: u128, width: u32| value.checked_shr(width.saturating_sub(bits)).unwrap_or(0);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            head(u32::from(address).into(), 32) == head(u32::from(network).into(), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            head(address.into(), 128) == head(network.into(), 128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::secret::Secret;

    #[test]
    fn hosts_domains_addresses_and_networks_are_reached_directly() {
        for (url, rules, is) in [
            ("https://r.example/", "", false),
            ("https://r.example/", "*", true),
            ("https://r.example/", "a.example, R.example", true),
            ("https://sub.r.example/", "r.example", true),
            ("https://sub.r.example/", ".r.example", true),
            ("https://r.example/", ".r.example", false),
            ("https://r.example/", "*.r.example", false),
            ("https://evilr.example/", "r.example", false),
            ("https://r.example:5000/", "r.example:5000", true),
            ("https://r.example/", "r.example:5000", false),
            ("https://10.1.2.3/", "10.0.0.0/8", true),
            ("https://11.1.2.3/", "10.0.0.0/8", false),
            ("https://11.1.2.3/", "0.0.0.0/0", true),
            ("https://10.1.2.3/", "10.1.2.3", true),
            ("https://[fd00::1]/", "fd00::/8", true),
            ("https://[fd00::1]/", "fd00::1", true),
            ("http://127.0.0.1:5000/", "", true),
        ] {
            assert_eq!(is_direct(&Url::parse(url).unwrap(), rules), is, "{url} {rules}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy_and_a_password_is_not_shown() {
        let proxies = |https: &str| Proxies { http: None, https: Some(Secret::new(https)), none_for: String::new() };
        let (plain, tls) = (Url::parse("http://r.example/").unwrap(), Url::parse("https://r.example/").unwrap());
        assert!(proxy(&plain, &proxies("http://p:1")).unwrap().is_none());
        assert_eq!(proxy(&tls, &proxies("p:1")).unwrap().unwrap().port(), 1);
        for wrong in ["socks5://u:hidden@p:1", "http://u:hidden@", "ftp://u:hidden@p"] {
            let problem = proxy(&tls, &proxies(wrong)).unwrap_err().to_string();
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }
}
