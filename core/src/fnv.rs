//! Short names for long texts.

/// FNV-1a, 64 bits (Fowler, Noll, Vo): stable over versions and platforms, which the hashers of
/// collections do not promise.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
