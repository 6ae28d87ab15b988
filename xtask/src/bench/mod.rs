//! `cargo xtask bench`: the engine's criterion benchmarks; with `--peers`, Portwright beside the
//! tools that come nearest to it; with `--probe`, live probes beside nmap.

mod aerleon;
mod files;
#[path = "../../../core/benches/generate/mod.rs"]
mod generate;
mod measure;
mod page;
mod peers;
mod probe;
mod rows;

use anyhow::Result;

use crate::shell::Shell;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Run the command line beside fwshift and aerleon, and write docs/performance.md
    #[arg(long)]
    peers: bool,
    /// Run live probes in network namespaces beside nmap, and write their part of
    /// docs/performance.md (root, Linux)
    #[arg(long, conflicts_with = "peers")]
    probe: bool,
    /// With --peers: a program is stopped after so many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
    /// With --peers: rules in a file
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_values_t = [1_000, 10_000, 100_000])]
    sizes: Vec<u32>,
    /// Passed on to `cargo bench`, such as `--bench analysis -- --save-baseline main`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Runs the benchmarks of the engine, or the comparison.
pub fn bench(shell: &Shell, options: &Options) -> Result<()> {
    if options.peers {
        return rows::compare(shell, options.timeout, &options.sizes);
    }
    if options.probe {
        return probe::probe(shell);
    }
    shell.run(
        shell
            .cargo()
            .args(["bench", "-p", "portwright"])
            .args(&options.args),
    )
}
