//! nftables: `nft list ruleset`, `nft -j list ruleset`, and hand-written files.
//!
//! Both notations are read into one tree ([`syntax`]).

pub mod syntax;
