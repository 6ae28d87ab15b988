//! Portwright answers one question exactly: do these firewalls permit what this platform needs,
//! and nothing else?
#![forbid(unsafe_code)]

pub mod analysis;
pub mod catalog;
pub mod diagnostic;
pub mod dialect;
pub mod emit;
pub mod engine;
pub mod firewall;
pub mod graph;
pub mod net;

pub mod packet;
pub mod report;
pub mod site;
pub mod source;
pub mod yaml;
