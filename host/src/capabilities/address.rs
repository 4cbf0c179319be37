//! Which network addresses may be dialled.
//!
//! Pure. A granted name must not lead into the private network behind it (by a mistake or by DNS rebinding), so
//! every address is judged at the moment of dialling, unless the manifest names it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that the manifest names although they are not public.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    named: HashSet<IpAddr>,
}

impl AddressPolicy {
    /// Allows public addresses and the named ones.
    pub fn new(named: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { named: named.into_iter().collect() }
    }

    /// Whether `host`, which resolved to `address`, may be dialled there.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        is_public(address)
            || self.named.contains(&address)
            || (host.eq_ignore_ascii_case("localhost") && address.is_loopback())
    }
}

/// Whether an address is reachable from anywhere, by IANA's special-purpose registries.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded_v4(address) {
        return is_public_v4(inner);
    }
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000;
    let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) || first == 0x3fff;
    global_unicast && !special
}

/// The IPv4 address that an IPv6 one leads to: mapped, NAT64 and 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    let s = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn tells_public_from_special() {
        for public in ["8.8.8.8", "20.50.1.2", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"] {
            assert!(is_public(ip(public)), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(ip(special)), "{special}");
        }
    }

    #[test]
    fn a_named_address_and_localhost_are_allowed_and_nothing_near_them() {
        let policy = AddressPolicy::new([ip("10.1.2.3")]);
        assert!(policy.allows("db.example.test", ip("10.1.2.3")));
        assert!(!policy.allows("db.example.test", ip("10.1.2.4")));
        assert!(policy.allows("localhost", ip("127.0.0.1")));
        assert!(!policy.allows("db.example.test", ip("127.0.0.1")));
        assert!(!policy.allows("localhost", ip("10.1.2.4")));
    }
}
