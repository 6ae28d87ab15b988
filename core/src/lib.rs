//! Portwright answers one question exactly: do these firewalls permit what this platform needs,
//! and nothing else?
#![forbid(unsafe_code)]

pub mod catalog;
pub mod diagnostic;
pub mod net;
pub mod source;
pub mod yaml;
