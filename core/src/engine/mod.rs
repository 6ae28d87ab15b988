//! The facade: the only door for the command line, the WASM wrapper and embedders. Plain data in,
//! plain data out.

mod data;

pub use data::*;
