//! What is said when Portwright itself fails.

use std::sync::atomic::{AtomicU64, Ordering};

/// FNV-1a over every input read so far: names the inputs of a report without showing them.
static INPUTS: AtomicU64 = AtomicU64::new(0xcbf2_9ce4_8422_2325);

/// Makes a panic ask for a report. The panic's own message is not shown: it may quote an input.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let hash = INPUTS.load(Ordering::Relaxed);
        anstream::eprint!(
            "{}",
            message(at.as_deref().unwrap_or("an unknown place"), hash)
        );
    }));
}

/// Takes an input's bytes into the hash.
pub fn note(bytes: &[u8]) {
    let mut hash = INPUTS.load(Ordering::Relaxed);
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    INPUTS.store(hash, Ordering::Relaxed);
}

fn message(at: &str, hash: u64) -> String {
    format!(
        "error: this is a bug in portwright {}, at {at}\n\
         help: please report it with this line and the command that you ran; inputs {hash:016x}\n",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn asks_for_a_report() {
        let message = super::message("core/src/x.rs:1:2", 0xabc);
        for part in [
            "this is a bug",
            "core/src/x.rs:1:2",
            "please report",
            "0000000000000abc",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
