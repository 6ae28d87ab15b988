use super::*;

const PORTS: [u16; 19] = [
    7, 53, 111, 123, 161, 443, 500, 514, 3478, 3784, 3785, 4500, 4784, 4789, 6081, 8285, 8472,
    51_820, 65_535,
];

fn nonces() -> [Nonce; 4] {
    [0, 1, 0x8000_0000_0000_0001, u64::MAX].map(Nonce)
}

/// What carries a nonce gives it back, to the observer and in an echo.
#[test]
fn every_probe_is_known_again() {
    for nonce in nonces() {
        for port in PORTS {
            let body = payload(17, Some(port), nonce);
            assert_eq!(Nonce::find(17, Some(port), &body), Some(nonce), "{port}");
            assert!(nonce.is_in(&body), "{port}");
            let other = Nonce(nonce.0 ^ 0x1234_5678_9abc_def0);
            assert!(!other.is_in(&body), "{port}");
        }
        for protocol in [1, 4, 41, 47, 50, 51, 58, 89, 112, 253] {
            let body = payload(protocol, None, nonce);
            assert_eq!(Nonce::find(protocol, None, &body), Some(nonce));
        }
        let parameter = sctp_parameter(nonce);
        assert_eq!(Nonce::find(132, Some(9), &parameter), Some(nonce));
        assert_eq!(parameter.len() % 4, 0);
        assert_eq!(Nonce::parse(&nonce.to_string()), Some(nonce));
    }
}

#[test]
fn what_is_not_ours_has_no_nonce() {
    for body in [
        &b""[..],
        b"pw-",
        b"pw-00000000000000zz",
        b"pw-+000000000000001",
        &[0xff; 300],
    ] {
        for port in PORTS {
            assert_eq!(Nonce::find(17, Some(port), body), None, "{port} {body:?}");
        }
    }
    for text in ["", "0", "00000000000000001", "+000000000000001"] {
        assert_eq!(Nonce::parse(text), None, "{text}");
    }
}

/// Lengths that the protocols state must be those of the bytes.
#[test]
fn lengths() {
    let nonce = Nonce(0x0123_4567_89ab_cdef);
    let length = |port| payload(17, Some(port), nonce).len();
    assert_eq!(length(123), 48);
    assert_eq!(length(500), 28);
    assert_eq!(length(4500), 32);
    assert_eq!(length(3478), 20);
    assert_eq!(length(3784), 24);
    assert_eq!(length(51_820), 148);
    assert_eq!(length(443), 1200);
    let snmp = payload(17, Some(161), nonce);
    assert_eq!(usize::from(snmp[1]), snmp.len() - 2);
    let inner = payload(4, None, nonce);
    assert_eq!(usize::from(inner[3]), inner.len());
}

/// The bytes that RFC 1035 asks for, written out by hand.
#[test]
fn a_query_for_a_name() {
    let expected = [
        &[0x01, 0x23, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 19][..],
        b"pw-0123456789abcdef",
        &[7],
        b"invalid",
        &[0, 0, 1, 0, 1],
    ];
    let query = payload(17, Some(53), Nonce(0x0123_4567_89ab_cdef));
    assert_eq!(query, expected.concat());
}
