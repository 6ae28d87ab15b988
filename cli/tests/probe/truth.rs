//! What must be found, written by hand from what is planted (`plants.rs`). The first row that fits
//! a probe holds; a probe that no row fits must be open.

use crate::lab::HOSTS;
use portwright::probe::{Evidence, Verdict};
use std::net::IpAddr;

pub const ECHO4: u8 = 1;
pub const IPIP: u8 = 4;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ECHO6: u8 = 58;
pub const SCTP: u8 = 132;

/// One probe of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    pub from: IpAddr,
    pub to: IpAddr,
    pub protocol: u8,
    pub port: Option<u16>,
}

/// What the source must have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saw {
    /// What listens answered.
    Answer,
    /// What listens answered without knowing the nonce, or connected and gave nothing.
    Service,
    /// It was connected, then reset.
    ConnectedThenReset,
    /// A reset without an ICMP error.
    Reset,
    /// An ICMP error: by whom, type and code of IPv4, type and code of IPv6.
    Icmp(Who, (u8, u8), (u8, u8)),
    /// The kernel said so at once.
    Errno(&'static str),
    /// Nothing.
    Silence,
    /// It could not be sent without privileges.
    NotTried,
}

/// Who sends an ICMP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Target,
    Router,
    /// The source itself; where the kernel tells it as an error of the call, that counts.
    Itself,
}

/// What must come of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub saw: Saw,
    /// What the source alone must say.
    pub run: Verdict,
    /// What the report must say, which knows about stubs and observers.
    pub report: Verdict,
}

struct Row {
    from: &'static [&'static str],
    to: &'static [&'static str],
    protocols: &'static [u8],
    ports: &'static [u16],
    fate: Fate,
}

const ANY: &[&str] = &[];
const BOTH: &[u8] = &[TCP, UDP];
const ECHO: &[u8] = &[ECHO4, ECHO6];

const fn row(
    from: &'static [&'static str],
    to: &'static [&'static str],
    protocols: &'static [u8],
    ports: &'static [u16],
    fate: Fate,
) -> Row {
    Row {
        from,
        to,
        protocols,
        ports,
        fate,
    }
}

const fn fate(saw: Saw, run: Verdict, report: Verdict) -> Fate {
    Fate { saw, run, report }
}

use Verdict::{BlockedLocally, Closed, Dropped, Open, Rejected, Unknown, Unreachable};

/// No answer where there would be one: what drops it is told at once, or only by the report.
const LOST: Fate = fate(Saw::Silence, Dropped, Dropped);
const LOST_UDP: Fate = fate(Saw::Silence, Unknown, Dropped);
const NO_ROUTE: Fate = fate(Saw::Errno("ENETUNREACH"), Unreachable, Unreachable);

const fn rejected(who: Who, v4: (u8, u8), v6: (u8, u8)) -> Fate {
    fate(Saw::Icmp(who, v4, v6), Rejected, Rejected)
}

const fn kept(saw: Saw) -> Fate {
    fate(saw, BlockedLocally, BlockedLocally)
}

/// By hand. Sources and targets are hosts of the site; `a2` is the second address of a.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // OUTPUT of c. A datagram that is refused there is an error of the call.
    row(&["c"], ANY, &[TCP], &[3011], kept(Saw::Icmp(Who::Itself, (3, 3), (1, 4)))),
    row(&["c"], ANY, &[TCP], &[3013], kept(Saw::Icmp(Who::Itself, (3, 13), (1, 1)))),
    row(&["c"], ANY, &[UDP], &[3011, 3012, 3013], kept(Saw::Errno("EPERM"))),
    row(&["c"], ANY, &[TCP], &[3012], LOST),
    // Routes of c; nobody else has any to there.
    row(&["c"], &["blackhole"], BOTH, &[3060], kept(Saw::Errno("EINVAL"))),
    row(&["c"], &["unreachable"], BOTH, &[3060], kept(Saw::Errno("EHOSTUNREACH"))),
    row(&["c"], &["prohibit"], BOTH, &[3060], kept(Saw::Errno("EACCES"))),
    row(ANY, &["blackhole", "unreachable", "prohibit", "nowhere"], BOTH, &[3060], NO_ROUTE),
    // Nobody has the address; the router says so when it has asked for three seconds.
    row(ANY, &["ghost"], BOTH, &[3050],
        fate(Saw::Icmp(Who::Router, (3, 1), (1, 3)), Unreachable, Unreachable)),
    // n: nothing listens, and what a reset by rule looks like then.
    row(ANY, &["n"], &[TCP], &[3040, 3041, 3042], fate(Saw::Reset, Closed, Closed)),
    row(ANY, &["n"], &[UDP], &[3040, 3041],
        fate(Saw::Icmp(Who::Target, (3, 3), (1, 4)), Closed, Closed)),
    // The virtual address, from everyone but its holder.
    row(&["b", "c", "d", "e"], &["vip"], &[TCP], &[3021], LOST),
    row(&["b", "c", "d", "e"], &["vip"], &[UDP], &[3021], LOST_UDP),
    // INPUT of b.
    row(ANY, &["b"], &[TCP], &[3001], rejected(Who::Target, (3, 3), (1, 4))),
    // A closed port says the same: that a stub listened is what tells.
    row(ANY, &["b"], &[UDP], &[3001],
        fate(Saw::Icmp(Who::Target, (3, 3), (1, 4)), Closed, Rejected)),
    row(ANY, &["b"], BOTH, &[3002], rejected(Who::Target, (3, 13), (1, 1))),
    row(ANY, &["b"], BOTH, &[3003], rejected(Who::Target, (3, 10), (1, 5))),
    row(ANY, &["b"], BOTH, &[3004], rejected(Who::Target, (3, 9), (1, 6))),
    row(ANY, &["b"], &[TCP], &[3005], fate(Saw::Reset, Closed, Rejected)),
    row(ANY, &["b"], &[TCP], &[3006], LOST),
    row(ANY, &["b"], &[UDP], &[3006], LOST_UDP),
    row(&["a2"], &["b"], &[TCP], &[3022], LOST),
    row(&["a2"], &["b"], &[UDP], &[3022], LOST_UDP),
    row(ANY, &["b"], &[SCTP], &[3023], LOST_UDP),
    row(ANY, &["b"], &[IPIP], &[], LOST_UDP),
    row(ANY, &["b"], ECHO, &[], LOST),
    // FORWARD of the router, towards e.
    row(ANY, &["e"], &[TCP], &[3007], LOST),
    row(ANY, &["e"], &[UDP], &[3007], LOST_UDP),
    row(ANY, &["e"], BOTH, &[3008], rejected(Who::Router, (3, 13), (1, 1))),
    row(ANY, &["e"], BOTH, &[3009], rejected(Who::Router, (3, 3), (1, 4))),
    row(ANY, &["e"], &[TCP], &[3010], fate(Saw::Reset, Closed, Rejected)),
    row(ANY, &["e"], &[SCTP], &[3023], LOST_UDP),
    row(ANY, &["e"], &[IPIP], &[], LOST_UDP),
    row(ANY, &["e"], ECHO, &[], rejected(Who::Router, (3, 13), (1, 1))),
    // Services of d.
    row(ANY, &["d"], &[TCP], &[3014], fate(Saw::ConnectedThenReset, Open, Open)),
    row(ANY, &["d"], &[UDP], &[3014], fate(Saw::Silence, Unknown, Open)),
    row(ANY, &["d"], &[TCP], &[3015], LOST),
    row(ANY, &["d"], &[UDP], &[3015], LOST_UDP),
    row(ANY, &["d"], BOTH, &[3016], fate(Saw::Service, Open, Open)),
    // Nothing answers IP in IP; the observer sees it.
    row(ANY, ANY, &[IPIP], &[], fate(Saw::Silence, Unknown, Open)),
];

/// Who may send raw packets, and be pinged from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// The sources run as root.
    pub run: bool,
    /// The stubs do: there are observers.
    pub listen: bool,
}

/// What must come of a probe.
pub fn truth(probe: &Probe, rights: Rights) -> Fate {
    let (from, to) = (host(probe.from), host(probe.to));
    let fits = |row: &&Row| {
        let is = |names: &[&str], name: &str| {
            names.is_empty() || names.contains(&name) || (name == "a2" && names.contains(&"a"))
        };
        is(row.from, from)
            && is(row.to, to)
            && row.protocols.contains(&probe.protocol)
            && probe.port.is_none_or(|port| row.ports.contains(&port))
    };
    let open = fate(Saw::Answer, Open, Open);
    let mut fate = ROWS.iter().find(fits).map_or(open, |row| row.fate);
    let raw = [SCTP, IPIP, ECHO4, ECHO6].contains(&probe.protocol);
    // c lets everyone ping (`plants.rs`).
    let may_ping = from == "c" && ECHO.contains(&probe.protocol);
    if raw && !rights.run && !may_ping {
        return Fate {
            saw: Saw::NotTried,
            run: Unknown,
            report: Unknown,
        };
    }
    // What drops SCTP is told by the stub that heard nothing; it needs a raw socket.
    let observed = [IPIP, SCTP].contains(&probe.protocol) || (probe.protocol == UDP && to == "d");
    if observed && fate.saw == Saw::Silence && !rights.listen {
        fate.report = Unknown;
    }
    // Without a raw socket on it, the target's kernel says that it does not speak the protocol. For
    // SCTP that is a closed port; for what has no ports it shows that nothing filters it.
    let unspoken = !rights.listen && !["b", "e"].contains(&to);
    if unspoken && [SCTP, IPIP].contains(&probe.protocol) {
        let verdict = if probe.protocol == SCTP { Closed } else { Open };
        let saw = Saw::Icmp(Who::Target, (3, 2), (4, 1));
        return self::fate(saw, verdict, verdict);
    }
    fate
}

/// Which row of the site an address is.
pub fn host(address: IpAddr) -> &'static str {
    let text = address.to_string();
    match text.as_str() {
        "10.77.1.20" | "fd77:0:0:1::20" => return "a2",
        "10.77.6.99" | "fd77:0:0:6::99" => return "ghost",
        "10.77.9.9" | "fd77:0:0:9::9" => return "vip",
        "10.88.0.1" | "fd88::1" => return "blackhole",
        "10.88.0.2" | "fd88::2" => return "unreachable",
        "10.88.0.3" | "fd88::3" => return "prohibit",
        "10.88.0.4" | "fd88::4" => return "nowhere",
        _ => {}
    }
    let net = (1..)
        .zip(HOSTS)
        .find(|(net, _)| text == format!("10.77.{net}.2") || text == format!("fd77:0:0:{net}::2"));
    net.unwrap_or_else(|| panic!("{address} is nobody's")).1
}

/// The router as a host sees it.
fn gateway(of: IpAddr) -> IpAddr {
    let name = host(of);
    let name = if name == "a2" { "a" } else { name };
    let net = 1 + HOSTS
        .iter()
        .position(|host| *host == name)
        .expect("a host has a router");
    let gateway = if of.is_ipv4() {
        format!("10.77.{net}.1")
    } else {
        format!("fd77:0:0:{net}::1")
    };
    gateway.parse().expect("an address")
}

/// Whether evidence is what must have been seen.
pub fn saw(probe: &Probe, expected: Saw, evidence: &Evidence) -> bool {
    match (expected, evidence) {
        (Saw::Answer, Evidence::Connected) => probe.protocol == TCP || probe.protocol == SCTP,
        (Saw::Answer, Evidence::Reply { nonce }) => *nonce,
        (Saw::Service, Evidence::Connected) => probe.protocol == TCP,
        (Saw::Service, Evidence::Reply { nonce }) => !nonce,
        // How soon a busy service hangs up is its own affair.
        (Saw::ConnectedThenReset, Evidence::Connected | Evidence::ConnectedThenReset)
        | (Saw::Reset, Evidence::Reset)
        | (Saw::Silence, Evidence::Silence { .. })
        | (Saw::NotTried, Evidence::NotTried { .. }) => true,
        (Saw::Errno(name), Evidence::LocalError { errno, .. }) => errno == name,
        (Saw::Icmp(Who::Itself, ..), Evidence::LocalError { call, .. }) => call == "connect",
        (
            Saw::Icmp(who, v4, v6),
            Evidence::Icmp {
                offender,
                icmp_type,
                icmp_code,
            },
        ) => {
            let by = match who {
                Who::Target => probe.to,
                Who::Router => gateway(probe.from),
                Who::Itself => probe.from,
            };
            let code = if probe.to.is_ipv4() { v4 } else { v6 };
            (*offender, (*icmp_type, *icmp_code)) == (by, code)
        }
        _ => false,
    }
}
