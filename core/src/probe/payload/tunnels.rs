//! Packets in packets. What is inside goes nowhere: its time to live ends with the next hop, its
//! addresses are those of documentation (RFC 5737, RFC 3849).

use super::Nonce;

/// For experiments (RFC 3692): no host speaks it.
const EXPERIMENT: u8 = 253;
/// A tunnel that nobody is likely to have: the highest network identifier but one.
const NETWORK: [u8; 3] = [0xff, 0xff, 0xfe];

/// The body of a protocol without ports.
pub(super) fn body(protocol: u8, nonce: Nonce) -> Vec<u8> {
    match protocol {
        4 => ipv4(nonce),
        41 => ipv6(nonce),
        // GRE (RFC 2784) around Ethernet's type for local experiments.
        47 => framed(&[0, 0, 0x88, 0xb5], nonce),
        // ESP (RFC 4303) and AH (RFC 4302) with a security parameter index that is in no use.
        50 => framed(&[0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1], nonce),
        51 => framed(&[59, 4, 0, 0, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1], nonce),
        // VRRP (RFC 9568) and OSPF (RFC 2328) with version zero, which both discard.
        _ => framed(&[0, 0, 0, 0], nonce),
    }
}

fn framed(header: &[u8], nonce: Nonce) -> Vec<u8> {
    let mut out = header.to_vec();
    out.extend(nonce.text().bytes());
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn ipv4(nonce: Nonce) -> Vec<u8> {
    let text = nonce.text();
    let length = 20 + text.len() as u16;
    let mut out = vec![0x45, 0];
    out.extend(length.to_be_bytes());
    out.extend([0, 0, 0, 0, 1, EXPERIMENT, 0, 0]);
    out.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    let sum: u32 = out
        .chunks_exact(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    out.splice(10..12, sum.to_be_bytes());
    out.extend(text.bytes());
    out
}

fn ipv6(nonce: Nonce) -> Vec<u8> {
    let text = nonce.text();
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((text.len() as u16).to_be_bytes());
    out.extend([EXPERIMENT, 1]);
    for last in [1, 2] {
        out.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    out.extend(text.bytes());
    out
}

/// VXLAN (RFC 7348) around a frame.
pub(super) fn vxlan(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0x08, 0, 0, 0];
    out.extend(NETWORK);
    out.push(0);
    out.extend(frame(nonce));
    out
}

/// Geneve (RFC 8926) around a frame.
pub(super) fn geneve(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0, 0, 0x65, 0x58];
    out.extend(NETWORK);
    out.push(0);
    out.extend(frame(nonce));
    out
}

/// An Ethernet frame between two locally administered addresses, of the type for experiments.
fn frame(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![2, 0x50, 0x57, 0, 0, 2, 2, 0x50, 0x57, 0, 0, 1, 0x88, 0xb5];
    out.extend(nonce.text().bytes());
    // The shortest frame that there is.
    out.resize(60, 0);
    out
}
