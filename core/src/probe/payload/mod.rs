//! What a probe carries: a question that the protocol of its port answers, or at least takes for
//! no harm, with a nonce in it. Written from the protocols' RFCs.
//!
//! The nonce stands as `pw-` and sixteen hexadecimal digits wherever there is room for text; where
//! there is not, in a field that the answer repeats.

mod tunnels;
mod udp;

use std::fmt;

/// Tells a probe from all others, and its answer from anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u64);

/// In front of the digits of a nonce.
const MARK: &[u8] = b"pw-";
/// Bytes of a nonce as text, the mark included.
const TEXT: usize = 19;

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Nonce {
    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }

    fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    fn text(self) -> String {
        format!("pw-{self}")
    }

    /// Whether an answer repeats it, as text or as bytes.
    #[must_use]
    pub fn is_in(self, answer: &[u8]) -> bool {
        let text = self.text();
        let (text, raw) = (text.as_bytes(), self.bytes());
        let has = |needle: &[u8]| answer.windows(needle.len()).any(|part| part == needle);
        has(text) || has(&raw)
    }

    /// The nonce of a probe's payload: of a UDP datagram to this port, of an ICMP echo, of the body
    /// of another protocol. None where it is no probe of ours.
    #[must_use]
    pub fn find(protocol: u8, port: Option<u16>, body: &[u8]) -> Option<Self> {
        let marked = body
            .windows(TEXT)
            .filter_map(|part| part.strip_prefix(MARK))
            .filter_map(|digits| Self::parse(str::from_utf8(digits).ok()?));
        let field = || match (protocol, port) {
            (17, Some(port)) => udp::field(port, body).map(|raw| Self(u64::from_be_bytes(raw))),
            _ => None,
        };
        marked.into_iter().next().or_else(field)
    }
}

/// What to send behind the header of UDP, behind the eight bytes of an ICMP echo, or as the whole
/// body of another protocol. SCTP has its nonce in a parameter of the INIT: see [`sctp_parameter`].
#[must_use]
pub fn payload(protocol: u8, port: Option<u16>, nonce: Nonce) -> Vec<u8> {
    match protocol {
        17 => udp::payload(port.unwrap_or_default(), nonce),
        1 | 58 => nonce.text().into_bytes(),
        _ => tunnels::body(protocol, nonce),
    }
}

/// A parameter of an SCTP INIT that receivers skip without a report (RFC 9260, 3.2.1: the two
/// highest bits of its type are `10`), with its padding.
#[must_use]
pub fn sctp_parameter(nonce: Nonce) -> Vec<u8> {
    let mut out = vec![0xbf, 0x57, 0, 4 + TEXT as u8];
    out.extend(nonce.text().bytes());
    out.push(0);
    out
}

#[cfg(test)]
mod tests;
