//! Datagrams for well-known ports.

use super::{Nonce, tunnels};

/// What to send to a port.
pub(super) fn payload(port: u16, nonce: Nonce) -> Vec<u8> {
    match port {
        53 => dns(nonce),
        111 => rpc(nonce),
        123 => ntp(nonce),
        161 => snmp(nonce),
        443 => quic(nonce),
        500 => ike(nonce),
        514 => syslog(nonce),
        3478 => stun(nonce),
        3784 | 4784 => bfd(nonce),
        4500 => [vec![0; 4], ike(nonce)].concat(),
        4789 | 8472 => tunnels::vxlan(nonce),
        6081 => tunnels::geneve(nonce),
        51_820 | 51_821 | 51_871 => wireguard(nonce),
        _ => nonce.text().into_bytes(),
    }
}

/// The nonce where it stands as bytes.
pub(super) fn field(port: u16, body: &[u8]) -> Option<[u8; 8]> {
    let (at, fits) = match port {
        111 => (40, body.len() == 48),
        123 => (40, body.len() == 48 && body.first() == Some(&0x23)),
        443 => (15, body.len() == 1200),
        500 => (0, body.len() == 28),
        3478 => (12, body.len() == 20),
        3784 | 4784 => (4, body.len() == 24),
        4500 => (4, body.len() == 32),
        _ => return None,
    };
    body.get(at..at + 8)
        .filter(|_| fits)
        .and_then(|raw| raw.try_into().ok())
}

/// A query (RFC 1035) for a name that cannot exist (RFC 6761, 6.4): the answer repeats it.
fn dns(nonce: Nonce) -> Vec<u8> {
    let [id, second, ..] = nonce.bytes();
    let mut out = vec![id, second, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [nonce.text().as_str(), "invalid"] {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

/// A client's packet (RFC 5905); the server repeats the transmit timestamp as the origin's.
fn ntp(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0; 40];
    out.splice(..1, [0x23]);
    out.extend(nonce.bytes());
    out
}

/// Call of procedure 0 of the port mapper (RFC 5531, RFC 1833), with the nonce as an argument too many.
fn rpc(nonce: Nonce) -> Vec<u8> {
    let [a, b, c, d, ..] = nonce.bytes();
    let mut out = vec![a, b, c, d];
    for word in [0, 2, 100_000, 2, 0, 0, 0, 0, 0_u32] {
        out.extend(word.to_be_bytes());
    }
    out.extend(nonce.bytes());
    out
}

/// Discovery of the engine (RFC 3414, 4): whoever speaks version 3 reports back.
fn snmp(nonce: Nonce) -> Vec<u8> {
    let tlv = |tag: u8, content: &[u8]| {
        let mut out = vec![tag, content.len() as u8];
        out.extend(content);
        out
    };
    let [a, b, c, d, ..] = nonce.bytes();
    // A positive number in as few bytes as BER asks for, whatever the nonce.
    let number = [a & 0x3f | 0x40, b, c, d];
    let header = [
        tlv(2, &number),
        tlv(2, &[0x05, 0xc0]),
        tlv(4, &[4]),
        tlv(2, &[3]),
    ];
    let user = [
        tlv(4, &[]),
        tlv(2, &[0]),
        tlv(2, &[0]),
        tlv(4, &[]),
        tlv(4, &[]),
        tlv(4, &[]),
    ];
    let get = [tlv(2, &number), tlv(2, &[0]), tlv(2, &[0]), tlv(0x30, &[])];
    let scoped = [
        tlv(4, &[]),
        tlv(4, nonce.text().as_bytes()),
        tlv(0xa0, &get.concat()),
    ];
    let message = [
        tlv(2, &[3]),
        tlv(0x30, &header.concat()),
        tlv(4, &tlv(0x30, &user.concat())),
        tlv(0x30, &scoped.concat()),
    ];
    tlv(0x30, &message.concat())
}

/// A packet of a version that nobody speaks (RFC 8999, 6; RFC 9000, 6): a server names its own,
/// and repeats the identifiers.
fn quic(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8];
    out.extend(*b"portwrig");
    out.push(8);
    out.extend(nonce.bytes());
    // Shorter ones are not answered.
    out.resize(1200, 0);
    out
}

/// A header of a higher version (RFC 7296, 2.5): who speaks version 2 says so.
fn ike(nonce: Nonce) -> Vec<u8> {
    let mut out = nonce.bytes().to_vec();
    out.extend([0; 8]);
    // No payload, version 3, IKE_SA_INIT from the initiator, message 0, 28 bytes.
    out.extend([0, 0x30, 34, 0x08, 0, 0, 0, 0, 0, 0, 0, 28]);
    out
}

/// A message for debugging (RFC 5424). Nobody answers.
fn syslog(nonce: Nonce) -> Vec<u8> {
    format!("<135>1 - - portwright - probe - {}", nonce.text()).into_bytes()
}

/// A binding request (RFC 8489); the answer repeats the transaction.
fn stun(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, b'p', b'w', b'-', b'0'];
    out.extend(nonce.bytes());
    out
}

/// A control packet (RFC 5880) for a session that does not exist: its discriminator is not zero,
/// so that it is discarded and no session of these two hosts goes down (6.8.6).
fn bfd(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0x20, 0x40, 3, 24];
    out.extend(nonce.bytes());
    for interval in [1_000_000, 1_000_000, 0_u32] {
        out.extend(interval.to_be_bytes());
    }
    out
}

/// A handshake's first message (WireGuard, 5.4.2) without a valid MAC: it is dropped unread.
fn wireguard(nonce: Nonce) -> Vec<u8> {
    let [a, b, c, d, ..] = nonce.bytes();
    let mut out = vec![1, 0, 0, 0, a, b, c, d];
    out.extend(nonce.text().bytes());
    out.resize(148, 0);
    out
}
