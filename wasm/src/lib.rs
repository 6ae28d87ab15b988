//! The engine for JavaScript: a thin wrapper over [`portwright::engine`]. It only translates.

use portwright::engine::{self, Request};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Answers a request. Takes and gives plain objects; `types.d.ts` describes them.
///
/// # Errors
///
/// When the value is no request: the error says where.
#[wasm_bindgen]
pub fn call(request: JsValue) -> Result<JsValue, JsError> {
    let request: Request = serde_wasm_bindgen::from_value(request)
        .map_err(|problem| JsError::new(&format!("the request is not understood: {problem}")))?;
    // Absent values are left out and numbers stay numbers, as in the JSON of the command line.
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    engine::call(&request)
        .serialize(&serializer)
        .map_err(|problem| JsError::new(&problem.to_string()))
}

/// Answers a request given as JSON, in JSON: the same bytes as the command line's.
#[wasm_bindgen(js_name = callJson)]
#[must_use]
pub fn call_json(request: &str) -> String {
    engine::call_json(request)
}

/// Version of the engine.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
