//! The answer to an SCTP INIT, without SCTP in the kernel (RFC 9260).

/// Chunk types.
const INIT_ACK: u8 = 2;
/// Parameter: state cookie. The dialler returns it where it goes on, which it does not.
const COOKIE: u16 = 7;
/// Length of the answer. An INIT that is shorter is not answered: the answer is never larger.
const LENGTH: usize = 40;

/// The INIT ACK to this packet. None where it is no INIT, or a shorter one than the answer is.
pub fn init_ack(packet: &[u8]) -> Option<Vec<u8>> {
    if packet.len() < LENGTH || *packet.get(12)? != 1 {
        return None;
    }
    let tag = packet.get(16..20)?;
    if tag == [0; 4] {
        // An initiator without a tag cannot be answered (3.3.2).
        return None;
    }
    let mut out = Vec::with_capacity(LENGTH);
    out.extend(packet.get(2..4)?);
    out.extend(packet.get(0..2)?);
    out.extend(tag);
    out.extend([0; 4]);
    out.extend([INIT_ACK, 0, 0, 28]);
    // Tag, window, one stream each way, first number: no association follows.
    out.extend([0, 0, 0, 1, 0, 0, 5, 0xdc, 0, 1, 0, 1, 0, 0, 0, 1]);
    out.extend(COOKIE.to_be_bytes());
    out.extend([0, 8]);
    out.extend(*b"pw-1");
    let sum = crc32c::crc32c(&out).to_le_bytes();
    out.get_mut(8..12)?.copy_from_slice(&sum);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_init_is_answered() {
        let mut init = vec![0x9c, 0x40, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20];
        init.extend([1, 2, 3, 4, 0, 0, 5, 0xdc, 0, 1, 0, 1, 0, 0, 0, 1]);
        init.extend(portwright::probe::sctp_parameter(portwright::probe::Nonce(
            1,
        )));
        let answer = init_ack(&init).unwrap();
        assert_eq!(answer[..8], [0, 7, 0x9c, 0x40, 1, 2, 3, 4]);
        assert_eq!(answer.len(), LENGTH);
        assert_eq!(init_ack(&answer), None);
        assert_eq!(init_ack(&init[..39]), None);
        init[16..20].fill(0);
        assert_eq!(init_ack(&init), None);
    }
}
