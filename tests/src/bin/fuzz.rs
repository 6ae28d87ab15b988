//! The coverage-guided fuzzer. `PORTWRIGHT_FUZZ` names the target; without it, the targets and
//! their folders of seeds are listed. `cargo xtask fuzz` builds and starts it.
#![no_main]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the fuzzer reads its environment and writes files"
)]

use libfuzzer_sys::fuzz_target;
use portwright_tests::fuzz::{self, Target};
use std::sync::OnceLock;

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() {
    let Ok(name) = std::env::var("PORTWRIGHT_FUZZ") else {
        for target in fuzz::all() {
            println!("{}\t{}", target.name, target.seeds.join("\t"));
        }
        std::process::exit(0);
    };
    let target = fuzz::all().find(|target| target.name == name);
    CHOSEN.get_or_init(|| target.expect("the name of a target"));
}

fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        target.run(data);
    }
});
