//! Short names for long texts.

/// FNV-1a, 64 bits (Fowler, Noll, Vo): stable over versions and platforms, which the hashers of
/// collections do not promise.
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

/// A name for texts in this order.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    format!("{:016x}", hash(bytes))
}
