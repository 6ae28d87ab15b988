//! How many files this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to `wanted` if it is lower, as far as the system lets it: an
/// unprivileged process up to its hard limit, root beyond that. What the limit is then.
pub fn raise(wanted: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 0;
    };
    if soft >= wanted {
        return soft;
    }
    if hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok() {
        return wanted;
    }
    let most = wanted.min(hard);
    match setrlimit(Resource::RLIMIT_NOFILE, most, hard) {
        Ok(()) => most,
        Err(_) => soft,
    }
}
