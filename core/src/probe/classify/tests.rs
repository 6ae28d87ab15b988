//! Every row of the verdict table.

use super::*;

const OWN4: &str = "10.0.0.5";
const OWN6: &str = "fd00::5";

struct Case {
    protocol: u8,
    to: IpAddr,
    stub: Option<bool>,
}

fn v4(protocol: u8) -> Case {
    Case {
        protocol,
        to: "10.0.0.9".parse().unwrap(),
        stub: None,
    }
}

fn v6(protocol: u8) -> Case {
    Case {
        to: "fd00::9".parse().unwrap(),
        ..v4(protocol)
    }
}

impl Case {
    fn stub(self, stub: bool) -> Self {
        Self {
            stub: Some(stub),
            ..self
        }
    }

    #[track_caller]
    fn check(&self, evidence: &Evidence, verdict: Verdict, reason: &str) {
        let own = [OWN4.parse().unwrap(), OWN6.parse().unwrap()];
        let judged = classify(evidence, self.protocol, self.to, &own, self.stub);
        assert_eq!(
            judged.verdict, verdict,
            "{evidence:?}, protocol {}: {}",
            self.protocol, judged.reason
        );
        assert!(
            judged.reason.contains(reason),
            "`{reason}` is not in `{}`",
            judged.reason
        );
        assert!(!judged.reason.ends_with('.'), "{}", judged.reason);
    }

    /// Type and code from the target, from a router, from this host.
    #[track_caller]
    fn icmp(&self, kind: u8, code: u8, target: Verdict, router: Verdict, own: Verdict) {
        let (gateway, me) = match self.to {
            IpAddr::V4(_) => ("10.0.0.1", OWN4),
            IpAddr::V6(_) => ("fd00::1", OWN6),
        };
        let from = |offender| Evidence::Icmp {
            offender,
            icmp_type: kind,
            icmp_code: code,
        };
        let said = format!("{kind}/{code}");
        self.check(&from(self.to), target, &said);
        self.check(&from(gateway.parse().unwrap()), router, &said);
        self.check(&from(me.parse().unwrap()), own, &said);
    }
}

fn local(call: &str, errno: &str) -> Evidence {
    Evidence::LocalError {
        call: call.into(),
        errno: errno.into(),
    }
}

use Verdict::{BlockedLocally, Closed, Dropped, Open, Rejected, Unknown, Unreachable};

#[test]
fn answers() {
    v4(6).check(&Evidence::Connected, Open, "connected");
    v6(6).check(&Evidence::ConnectedThenReset, Open, "then reset");
    v4(132).check(&Evidence::Connected, Open, "INIT-ACK");
    v4(17).check(&Evidence::Reply { nonce: true }, Open, "nonce");
    v6(17).check(&Evidence::Reply { nonce: false }, Open, "answered");
    v4(1).check(&Evidence::Reply { nonce: true }, Open, "nonce");
    v6(58).check(&Evidence::Reply { nonce: true }, Open, "nonce");
    v4(4).check(&Evidence::Reply { nonce: true }, Open, "nonce");
}

#[test]
fn resets() {
    for case in [v4(6), v6(6)] {
        case.check(&Evidence::Reset, Closed, "or a firewall");
        case.stub(false)
            .check(&Evidence::Reset, Closed, "nothing listens");
    }
    v4(6)
        .stub(true)
        .check(&Evidence::Reset, Rejected, "although a stub");
    v4(132).check(&Evidence::Reset, Closed, "ABORT");
    v4(132)
        .stub(true)
        .check(&Evidence::Reset, Rejected, "ABORT");
}

#[test]
fn errors_of_ipv4() {
    let tcp = v4(6);
    for code in [0, 1, 5, 6, 7, 8, 11, 12] {
        let own = if matches!(code, 1 | 7 | 8 | 12) {
            Unreachable
        } else {
            BlockedLocally
        };
        tcp.icmp(3, code, Rejected, Unreachable, own);
    }
    for code in [2, 3, 9, 10, 13, 14, 15] {
        tcp.icmp(3, code, Rejected, Rejected, BlockedLocally);
    }
    tcp.icmp(11, 0, Unreachable, Unreachable, BlockedLocally);
    v4(6)
        .stub(true)
        .icmp(3, 3, Rejected, Rejected, BlockedLocally);

    let udp = v4(17);
    udp.icmp(3, 3, Closed, Rejected, BlockedLocally);
    udp.icmp(3, 2, Rejected, Rejected, BlockedLocally);
    udp.icmp(3, 13, Rejected, Rejected, BlockedLocally);
    udp.icmp(3, 1, Rejected, Unreachable, Unreachable);
    v4(17)
        .stub(false)
        .icmp(3, 3, Closed, Rejected, BlockedLocally);
    v4(17)
        .stub(true)
        .icmp(3, 3, Rejected, Rejected, BlockedLocally);

    v4(1).icmp(3, 3, Rejected, Rejected, BlockedLocally);
    v4(1).icmp(3, 1, Rejected, Unreachable, Unreachable);
}

#[test]
fn errors_of_ipv6() {
    let tcp = v6(6);
    for code in [0, 2, 7] {
        tcp.icmp(1, code, Rejected, Unreachable, BlockedLocally);
    }
    tcp.icmp(1, 3, Rejected, Unreachable, Unreachable);
    for code in [1, 4, 5, 6] {
        tcp.icmp(1, code, Rejected, Rejected, BlockedLocally);
    }
    tcp.icmp(3, 0, Unreachable, Unreachable, BlockedLocally);
    v6(17).icmp(1, 4, Closed, Rejected, BlockedLocally);
    v6(17)
        .stub(true)
        .icmp(1, 4, Rejected, Rejected, BlockedLocally);
    v6(58).icmp(1, 4, Rejected, Rejected, BlockedLocally);
}

#[test]
fn protocols_without_a_listener() {
    // The kernel of the target says so only for packets that its firewall let in.
    for protocol in [4, 47, 50, 112] {
        v4(protocol).icmp(3, 2, Open, Rejected, BlockedLocally);
        v6(protocol).icmp(4, 1, Open, Rejected, BlockedLocally);
        v4(protocol).icmp(3, 3, Rejected, Rejected, BlockedLocally);
        v6(protocol).icmp(1, 4, Rejected, Rejected, BlockedLocally);
    }
    v4(132).icmp(3, 2, Closed, Rejected, BlockedLocally);
    v6(132).icmp(4, 1, Closed, Rejected, BlockedLocally);
    v4(132)
        .stub(true)
        .icmp(3, 2, Rejected, Rejected, BlockedLocally);
    v4(132).icmp(3, 3, Rejected, Rejected, BlockedLocally);
}

#[test]
fn errors_that_decide_nothing() {
    for (kind, code) in [(3, 4), (4, 0), (5, 1), (12, 0), (99, 0)] {
        v4(6).icmp(kind, code, Unknown, Unknown, Unknown);
    }
    for (kind, code) in [(2, 0), (4, 0), (1, 8), (137, 0)] {
        v6(6).icmp(kind, code, Unknown, Unknown, Unknown);
    }
}

#[test]
fn refused_by_the_kernel() {
    for protocol in [6, 17, 1, 4] {
        let case = v4(protocol);
        case.check(&local("send", "EPERM"), BlockedLocally, "firewall");
        case.check(&local("sendto", "EPERM"), BlockedLocally, "firewall");
        case.check(&local("connect", "EPERM"), BlockedLocally, "firewall");
        case.check(&local("connect", "EACCES"), BlockedLocally, "prohibit");
        case.check(&local("connect", "EINVAL"), BlockedLocally, "blackhole");
        case.check(&local("connect", "EHOSTUNREACH"), BlockedLocally, "routes");
        case.check(&local("send", "ECONNREFUSED"), BlockedLocally, "refuses");
        case.check(&local("connect", "ENETUNREACH"), Unreachable, "no route");
        case.check(&local("connect", "ENETDOWN"), Unreachable, "down");
        case.check(&local("connect", "EAFNOSUPPORT"), Unknown, "EAFNOSUPPORT");
        case.check(&local("bind", "EPERM"), Unknown, "bind");
        case.check(&local("receive", "EHOSTUNREACH"), Unknown, "receive");
    }
}

#[test]
fn silences() {
    let silence = Evidence::Silence { waited: 4000 };
    for protocol in [6, 1, 58] {
        v4(protocol).check(&silence, Dropped, "within 4 s, twice");
    }
    v4(17).check(&silence, Unknown, "probe listen");
    v4(17).stub(false).check(&silence, Unknown, "probe listen");
    v4(17)
        .stub(true)
        .check(&silence, Dropped, "although a stub");
    v4(132).check(&silence, Unknown, "probe listen");
    v4(132)
        .stub(true)
        .check(&silence, Dropped, "although a stub");
    v4(4).check(&silence, Unknown, "observer");
    v4(6).check(&Evidence::Silence { waited: 1050 }, Dropped, "1.05 s");
}

#[test]
fn not_tried_is_never_a_verdict() {
    let evidence = Evidence::NotTried {
        why: "no file descriptors".into(),
    };
    for protocol in [1, 4, 6, 17, 58, 132] {
        v4(protocol).check(&evidence, Unknown, "no file descriptors");
        v6(protocol)
            .stub(true)
            .check(&evidence, Unknown, "not tried");
    }
}

/// A virtual address that the dialling host holds itself is a target like any other.
#[test]
fn the_own_address_as_target() {
    let mut case = v4(17);
    case.to = OWN4.parse().unwrap();
    let said = Evidence::Icmp {
        offender: case.to,
        icmp_type: 3,
        icmp_code: 3,
    };
    case.check(&said, Closed, "nothing listens");
    case.protocol = 6;
    case.check(&said, Rejected, "the target's own firewall");
}
