//! WASM wrapper.
