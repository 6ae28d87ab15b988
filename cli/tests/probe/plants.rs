//! What is planted: rules, routes and services. `truth.rs` says what must come of it.

use crate::lab::Lab;
use socket2::SockRef;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

/// Rejections by number: the port, what iptables says for it, and what ip6tables does.
const REJECTED: [(u16, &str, &str); 4] = [
    (3001, "icmp-port-unreachable", "icmp6-port-unreachable"),
    (3002, "icmp-admin-prohibited", "icmp6-adm-prohibited"),
    (3003, "icmp-host-prohibited", "icmp6-policy-fail"),
    (3004, "icmp-net-prohibited", "icmp6-reject-route"),
];

/// Rules of one chain of the table `filter`.
fn filter(rules: impl Fn(bool, &mut String)) -> [String; 2] {
    [false, true].map(|v6| {
        let mut text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n\
                        :OUTPUT ACCEPT [0:0]\n"
            .to_owned();
        rules(v6, &mut text);
        text + "COMMIT\n"
    })
}

/// Rules on both protocols with ports.
fn both(text: &mut String, chain: &str, port: u16, target: &str) {
    for protocol in ["tcp", "udp"] {
        let _ = writeln!(
            text,
            "-A {chain} -p {protocol} -m {protocol} --dport {port} -j {target}"
        );
    }
}

fn echo(v6: bool) -> &'static str {
    if v6 {
        "-p ipv6-icmp -m icmp6 --icmpv6-type 128"
    } else {
        "-p icmp -m icmp --icmp-type 8"
    }
}

/// What b refuses when it arrives.
pub fn at_the_target(lab: &Lab) {
    let [v4, v6] = filter(|v6, text| {
        for (port, four, six) in REJECTED {
            let with = if v6 { six } else { four };
            both(text, "INPUT", port, &format!("REJECT --reject-with {with}"));
        }
        *text += "-A INPUT -p tcp -m tcp --dport 3005 -j REJECT --reject-with tcp-reset\n";
        both(text, "INPUT", 3006, "DROP");
        // Only the second address of a is kept out here.
        let second = if v6 { "fd77:0:0:1::20" } else { "10.77.1.20" };
        both(text, &format!("INPUT -s {second}"), 3022, "DROP");
        *text += "-A INPUT -p sctp -m sctp --dport 3023 -j DROP\n-A INPUT -p 4 -j DROP\n";
        let _ = writeln!(text, "-A INPUT {} -j DROP", echo(v6));
    });
    lab.host("b").filter(&v4, &v6);
}

/// What the router refuses on the way to e.
pub fn on_the_way(lab: &Lab) {
    let [v4, v6] = filter(|v6, text| {
        let to = if v6 { "fd77:0:0:5::2" } else { "10.77.5.2" };
        let chain = format!("FORWARD -d {to}");
        let admin = if v6 {
            "icmp6-adm-prohibited"
        } else {
            "icmp-admin-prohibited"
        };
        let port = if v6 {
            "icmp6-port-unreachable"
        } else {
            "icmp-port-unreachable"
        };
        both(text, &chain, 3007, "DROP");
        both(text, &chain, 3008, &format!("REJECT --reject-with {admin}"));
        both(text, &chain, 3009, &format!("REJECT --reject-with {port}"));
        let _ = writeln!(
            text,
            "-A {chain} -p tcp -m tcp --dport 3010 -j REJECT --reject-with tcp-reset\n\
             -A {chain} -p sctp -m sctp --dport 3023 -j DROP\n\
             -A {chain} -p 4 -j DROP\n\
             -A {chain} {} -j REJECT --reject-with {admin}",
            echo(v6)
        );
    });
    lab.router.filter(&v4, &v6);
}

/// What c keeps in: rules of OUTPUT, and routes.
pub fn at_the_source(lab: &Lab) {
    let [v4, v6] = filter(|v6, text| {
        let admin = if v6 {
            "icmp6-adm-prohibited"
        } else {
            "icmp-admin-prohibited"
        };
        both(text, "OUTPUT", 3011, "REJECT");
        both(text, "OUTPUT", 3012, "DROP");
        both(
            text,
            "OUTPUT",
            3013,
            &format!("REJECT --reject-with {admin}"),
        );
    });
    let c = lab.host("c");
    c.filter(&v4, &v6);
    // Here nobody in particular may ping; elsewhere only root may.
    c.set("net/ipv4/ping_group_range", "0 2147483647");
    c.ip("route add blackhole 10.88.0.1\n\
          route add unreachable 10.88.0.2\n\
          route add prohibit 10.88.0.3\n\
          route add blackhole fd88::1\n\
          route add unreachable fd88::2\n\
          route add prohibit fd88::3\n");
}

/// What a keeps from its virtual address, and n sends back where nothing listens.
pub fn elsewhere(lab: &Lab) {
    let [v4, v6] = filter(|v6, text| {
        let address = if v6 { "fd77:0:0:9::9" } else { "10.77.9.9" };
        both(text, &format!("INPUT -d {address} ! -i lo"), 3021, "DROP");
    });
    lab.host("a").filter(&v4, &v6);
    let [v4, v6] = filter(|_, text| {
        *text += "-A INPUT -p tcp -m tcp --dport 3042 -j REJECT --reject-with tcp-reset\n";
    });
    lab.host("n").filter(&v4, &v6);
}

/// Real services on d, which have their ports before any stub comes.
pub struct Services {
    /// Silent, as a VXLAN device is: they take what comes and say nothing.
    _silent: Vec<UdpSocket>,
}

/// Starts them; what d drops is planted, too.
pub fn services(lab: &Lab) -> Services {
    let d = lab.host("d");
    let [v4, v6] = filter(|_, text| both(text, "INPUT", 3015, "DROP"));
    d.filter(&v4, &v6);
    let any = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let (tcp, silent, answering) = d.enter(|| {
        let tcp = [3014, 3015, 3016].map(|port| any.map(|address| listener(address, port)));
        let silent = [3014, 3015].map(|port| any.map(|address| datagrams(address, port)));
        let answering = any.map(|address| datagrams(address, 3016));
        (tcp, silent, answering)
    });
    let [hangs_up, _unreached, stays] = tcp;
    for listener in hangs_up.into_iter().chain(_unreached) {
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Accepted, then reset: what a proxy without a backend does.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
        });
    }
    for listener in stays {
        thread::spawn(move || {
            let mut open = Vec::new();
            open.extend(listener.incoming().flatten().take(10_000));
        });
    }
    for socket in answering {
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok((_, from)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(b"what is it\n", from);
            }
        });
    }
    Services {
        _silent: silent.into_iter().flatten().collect(),
    }
}

fn socket(address: std::net::IpAddr, kind: socket2::Type, port: u16) -> socket2::Socket {
    let address = std::net::SocketAddr::new(address, port);
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(address), kind, None).expect("a socket");
    if address.is_ipv6() {
        socket.set_only_v6(true).expect("IPv6 alone");
    }
    socket.bind(&address.into()).expect("a free port");
    socket
}

fn listener(address: std::net::IpAddr, port: u16) -> TcpListener {
    let socket = socket(address, socket2::Type::STREAM, port);
    socket.listen(128).expect("it listens");
    socket.into()
}

fn datagrams(address: std::net::IpAddr, port: u16) -> UdpSocket {
    socket(address, socket2::Type::DGRAM, port).into()
}

/// Everything.
pub fn all(lab: &Lab) -> Services {
    at_the_target(lab);
    on_the_way(lab);
    at_the_source(lab);
    elsewhere(lab);
    services(lab)
}
