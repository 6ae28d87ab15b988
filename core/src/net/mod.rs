//! The leaf vocabulary: address family, protocol, port range, service.

mod protocol;
mod service;

pub use ipnet::IpNet as Prefix;
pub use protocol::Protocol;
pub use service::{IcmpKind, PortRange, Service};

use std::net::IpAddr;

/// IPv4 or IPv6. Their packets live in separate spaces and are never mixed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum Family {
    /// IPv4.
    #[serde(rename = "ipv4")]
    V4,
    /// IPv6.
    #[serde(rename = "ipv6")]
    V6,
}

impl Family {
    /// Both, in the order of output.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The family of a prefix.
    #[must_use]
    pub fn of_prefix(prefix: &Prefix) -> Self {
        Self::of(prefix.network())
    }

    /// The highest address as a number.
    #[must_use]
    pub fn max(self) -> u128 {
        match self {
            Self::V4 => u128::from(u32::MAX),
            Self::V6 => u128::MAX,
        }
    }

    /// The prefix that holds every address.
    #[must_use]
    pub fn everything(self) -> Prefix {
        match self {
            Self::V4 => Prefix::V4(ipnet::Ipv4Net::default()),
            Self::V6 => Prefix::V6(ipnet::Ipv6Net::default()),
        }
    }

    /// An address from its number; numbers beyond the family's maximum are cut to it.
    #[must_use]
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
            Self::V6 => IpAddr::V6(number.into()),
        }
    }
}

/// The number of an address within its family.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// First and last address of a prefix as numbers.
#[must_use]
pub fn bounds(prefix: &Prefix) -> (u128, u128) {
    (number(prefix.network()), number(prefix.broadcast()))
}
