//! Packet-set algebra: exact sets of packets, and the operations that every analysis is made of.
//!
//! A [`Cube`] is a product: for every header field a *set* of values. A rule's match is one cube
//! (or a few: a negated mark, an ipset of address–port pairs). A set of packets is a union of
//! cubes ([`PacketSet`]). IPv4 and IPv6 are separate spaces: a cube is only meaningful together
//! with the [`Family`](crate::net::Family) of its addresses. Where cubes would fall apart into too
//! many, a [`diagram`] takes over: the same sets, exact too, and canonical.

mod budget;
mod cover;
mod cube;
pub mod diagram;
mod extra;
mod fields;
mod ifname;
mod index;
mod parts;
mod ranges;
mod samples;
mod set;
pub mod show;
mod uncovered;
mod value;

pub use budget::{Budget, OverBudget};
pub use cube::{Cube, Literals};
pub use extra::{Extra, Holds, Rare, RareValues, changed, changes, extension_headers, packet_type};
pub use fields::{Bits, ByteSet, FieldSet, MarkBits};
pub use ifname::IfName;
pub use index::Index;
pub use parts::Parts;
pub use ranges::{Bound, Ranges};
pub use set::PacketSet;
pub use value::{CtState, Fragment, Packet, tcp_flags};
