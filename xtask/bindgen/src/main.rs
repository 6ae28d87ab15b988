//! `xtask-bindgen INPUT.wasm OUT_DIR`: what `wasm-bindgen --target web` does, at the version that
//! the lock file pins for the module itself.
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool takes its arguments from the shell"
)]

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(input), Some(out_dir), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("expected two arguments: INPUT.wasm OUT_DIR");
    };
    // The `web` target runs in a page, in a worker and, through `initSync`, in Node.
    Bindgen::new()
        .input_path(&input)
        .web(true)?
        .typescript(true)
        // `init()` without arguments: bundlers find the module by the literal URL in it.
        .omit_default_module_path(false)
        .generate(&out_dir)
        .with_context(|| format!("cannot generate bindings for `{input}` in `{out_dir}`"))
}
