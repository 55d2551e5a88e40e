//! Parts of an address in text (RFC 7622 §3.1), for whoever does not need it parsed.

/// The bare address: what stands before the first slash.
pub fn bare_of(address: &str) -> &str {
    address.split_once('/').map_or(address, |(bare, _)| bare)
}

/// The domain: what stands behind the first `@` of the bare address, or all of it where there is none.
pub fn domain_of(address: &str) -> &str {
    let bare = bare_of(address);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_may_hold_anything() {
        for (address, bare, domain) in [
            ("ann@example.org/desk", "ann@example.org", "example.org"),
            ("ann@example.org/a/b@c", "ann@example.org", "example.org"),
            ("example.org/a@b", "example.org", "example.org"),
            ("example.org", "example.org", "example.org"),
        ] {
            assert_eq!((bare_of(address), domain_of(address)), (bare, domain));
        }
    }
}
