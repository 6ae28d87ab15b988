//! `cargo xtask bench`: the engine's criterion benchmarks.

use anyhow::Result;

use crate::shell::Shell;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to `cargo bench`, such as `--bench analysis -- --save-baseline main`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Runs the benchmarks of the engine.
pub fn bench(shell: &Shell, options: &Options) -> Result<()> {
    shell.run(
        shell
            .cargo()
            .args(["bench", "-p", "portwright"])
            .args(&options.args),
    )
}
