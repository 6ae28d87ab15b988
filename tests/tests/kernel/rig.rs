//! A network namespace with interfaces, routes and one nftables table that watches.
//!
//! The namespace belongs to a thread ([`in_namespace`]) and vanishes with it, also when the
//! thread panics. Nothing in it reaches the outside: every interface is one end of a veth pair
//! whose other end is there too, and probes that survive the rules are dropped at the end.

use crate::netlink::{Attributes, Requests, Socket, subsystem};
use crate::wire;
use portwright::net::Family;
use portwright::packet::Packet;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;

/// Interfaces of the host under test, besides `lo`.
pub const INTERFACES: [&str; 4] = ["eth0", "eth1", "wg0", "docker0"];

/// Log group of resets and ICMP errors that the host sends.
pub const ANSWERS: u16 = 7;

/// The routes: an address, the prefix length, the interface; no interface for the host itself.
pub const ROUTES_V4: &[(u128, u32, Option<&str>)] = &[
    (0xc0a8_0101, 32, None),
    (0xc633_6400, 24, None),
    (0xc0a8_0100, 24, Some("eth1")),
    (0xac10_0000, 12, Some("wg0")),
    (0xac11_0000, 16, Some("docker0")),
    (0, 0, Some("eth0")),
];
/// The same for IPv6.
pub const ROUTES_V6: &[(u128, u32, Option<&str>)] = &[
    (0x2001_0db8_ffff_0000_0000_0000_0000_0001, 128, None),
    (0x2001_0db8_0000_0001_0000_0000_0000_0000, 64, None),
    (0x2001_0db8_0000_0002_0000_0000_0000_0000, 64, Some("eth1")),
    (0xfd00_0000_0000_0000_0000_0000_0000_0000, 8, Some("wg0")),
    (0, 0, Some("eth0")),
];

/// Runs something in a new network namespace, on one processor: so packets that were sent one
/// after the other are handled one after the other.
pub fn in_namespace<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        // SAFETY: no pointers into Rust memory other than to the live set.
        unsafe {
            let mut one: libc::cpu_set_t = mem::zeroed();
            libc::CPU_SET(libc::sched_getcpu().try_into().unwrap_or(0), &mut one);
            assert_eq!(
                libc::sched_setaffinity(0, size_of_val(&one), &raw const one),
                0
            );
            assert_eq!(
                libc::unshare(libc::CLONE_NEWNET),
                0,
                "{}",
                io::Error::last_os_error()
            );
        }
        work()
    });
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Runs a program with this on its standard input; its output, or why it failed.
pub fn run(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let _ = writer.join();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{program} {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The watching table. It marks every probe for tracing before anything else sees it, notes its
/// conntrack state right behind connection tracking (unless that must stay out of use), and drops
/// what survived just before a flow would be confirmed.
fn watcher(tracking: bool) -> String {
    let states = [
        "new",
        "established ct direction original",
        "established ct direction reply",
        "related ct direction original",
        "related ct direction reply",
        "invalid",
        "untracked",
    ];
    let mut text = String::from("table inet oracle {\n");
    let mut chain = |name: &str, hook: &str, priority: &str, rules: &str| {
        text += &format!(
            "chain {name} {{\n type filter hook {hook} priority {priority}; policy accept;\n{rules}\n}}\n"
        );
    };
    let sentinel = format!("ip protocol {} meta nftrace set 1 drop", wire::SENTINEL);
    chain(
        "first",
        "prerouting",
        "-2147483648",
        &format!("{sentinel}\nmeta nftrace set 1"),
    );
    // What the kernel itself sends has no owner: answers, neighbour discovery.
    chain(
        "sent",
        "output",
        "-2147483648",
        &format!(
            "meta skuid 0 meta nftrace set 1 accept\nlog group {ANSWERS} queue-threshold 1\ndrop"
        ),
    );
    if tracking {
        let rules = states
            .map(|state| format!("ct state {state} counter"))
            .join("\n");
        chain("state", "prerouting", "-199", &rules);
        chain("state_sent", "output", "-199", &rules);
    }
    chain("end_input", "input", "2147483646", "drop");
    chain("end", "postrouting", "2147483646", "drop");
    text + "}\n"
}

/// A namespace made ready.
pub struct Rig {
    /// For requests.
    pub control: Socket,
    link: OwnedFd,
    raw: [OwnedFd; 2],
}

impl Rig {
    /// Makes the current thread's namespace ready.
    pub fn new(tracking: bool) -> Result<Self, String> {
        topology()?;
        run("nft", &["-f", "-"], &watcher(tracking))?;
        let os = |error: io::Error| error.to_string();
        Ok(Self {
            control: Socket::open().map_err(os)?,
            link: socket(libc::AF_PACKET, libc::SOCK_RAW, 0).map_err(os)?,
            raw: [
                socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW).map_err(os)?,
                socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_RAW).map_err(os)?,
            ],
        })
    }

    /// Binds a log group, so that its packets are delivered to this socket whole and at once.
    pub fn bind(socket: &mut Socket, group: u16) -> io::Result<()> {
        let mut requests = Requests::default();
        let settings = [
            Attributes::default().with(1, &[1]),
            Attributes::default().with(2, &[0, 0, 1, 0, 2, 0]),
            Attributes::default().with(5, &1u32.to_be_bytes()),
        ];
        for setting in &settings {
            requests.add(subsystem::ULOG, 1, 0, 0, group, setting);
        }
        socket.execute(requests)
    }

    /// Lets a packet arrive at an interface.
    pub fn arrive(&self, interface: &str, family: Family, bytes: &[u8]) -> io::Result<()> {
        let number = INTERFACES.iter().position(|&name| name == interface);
        let peer = number.map_or("lo".to_owned(), |at| format!("peer{at}"));
        let name = CString::new(peer).unwrap();
        // SAFETY: the name is a live C string.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        let ethertype: u16 = match family {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        };
        let to = number.map_or([0; 6], |at| [2, 0, 0, 0, 0, at as u8]);
        let mut frame = to.to_vec();
        frame.extend([2, 0, 0, 0, 1, 0]);
        frame.extend(ethertype.to_be_bytes());
        frame.extend(bytes);
        // SAFETY: all fields are integers.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ethertype.to_be();
        address.sll_ifindex = index.try_into().unwrap();
        address.sll_halen = 6;
        address.sll_addr[..6].copy_from_slice(&to);
        send(&self.link, &frame, &address)
    }

    /// Sends a packet from the host itself.
    pub fn originate(&self, packet: &Packet, bytes: &[u8]) -> io::Result<()> {
        match packet.family {
            Family::V4 => {
                // SAFETY: all fields are integers.
                let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
                address.sin_family = libc::AF_INET as u16;
                address.sin_addr.s_addr = (packet.destination as u32).to_be();
                send(&self.raw[0], bytes, &address)
            }
            Family::V6 => {
                // SAFETY: all fields are integers.
                let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
                address.sin6_family = libc::AF_INET6 as u16;
                address.sin6_addr.s6_addr = packet.destination.to_be_bytes();
                send(&self.raw[1], bytes, &address)
            }
        }
    }
}

fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor is new and nobody else's.
    unsafe {
        let fd = libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Sends bytes to an address of the socket's kind.
fn send<A>(fd: &OwnedFd, bytes: &[u8], address: &A) -> io::Result<()> {
    // SAFETY: both pointers are to live memory of the given lengths.
    let sent = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            0,
            (&raw const *address).cast(),
            size_of::<A>() as libc::socklen_t,
        )
    };
    // What a rule of OUTPUT denies is told to the sender as an error.
    if sent < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::EPERM) {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn topology() -> Result<(), String> {
    let mut batch = String::from("link set lo up\n");
    for (at, name) in INTERFACES.iter().enumerate() {
        batch +=
            &format!("link add {name} address 02:00:00:00:00:0{at} type veth peer name peer{at}\n");
        for end in [(*name).to_owned(), format!("peer{at}")] {
            batch += &format!("link set {end} arp off addrgenmode none up\n");
        }
    }
    run("ip", &["-batch", "-"], &batch)?;
    let mut settings = vec![
        ("net/ipv4/ip_forward".to_owned(), "1"),
        ("net/ipv6/conf/all/forwarding".to_owned(), "1"),
        ("net/ipv4/icmp_ratelimit".to_owned(), "0"),
        ("net/ipv4/icmp_ratemask".to_owned(), "0"),
        ("net/ipv4/icmp_msgs_per_sec".to_owned(), "1000000"),
        ("net/ipv4/icmp_msgs_burst".to_owned(), "1000000"),
        ("net/ipv6/icmp/ratelimit".to_owned(), "0"),
        ("net/ipv6/icmp/ratemask".to_owned(), "2"),
        ("net/netfilter/nf_conntrack_tcp_be_liberal".to_owned(), "1"),
        ("net/netfilter/nf_conntrack_checksum".to_owned(), "0"),
        ("net/netfilter/nf_log/2".to_owned(), "nfnetlink_log"),
        ("net/netfilter/nf_log/10".to_owned(), "nfnetlink_log"),
    ];
    for name in INTERFACES.iter().chain(&["all", "lo"]) {
        for (key, value) in [
            ("rp_filter", "0"),
            ("accept_local", "1"),
            ("route_localnet", "1"),
            ("send_redirects", "0"),
        ] {
            settings.push((format!("net/ipv4/conf/{name}/{key}"), value));
        }
    }
    for at in 0..INTERFACES.len() {
        settings.push((format!("net/ipv6/conf/peer{at}/disable_ipv6"), "1"));
    }
    for (key, value) in settings {
        fs::write(format!("/proc/sys/{key}"), value).map_err(|error| format!("{key}: {error}"))?;
    }
    let mut batch = String::from(
        "addr add 192.168.1.1/32 dev eth1\naddr add 2001:db8:ffff::1/128 dev eth0 nodad\n",
    );
    for (family, routes) in [(Family::V4, ROUTES_V4), (Family::V6, ROUTES_V6)] {
        for &(address, length, interface) in routes {
            let address = family.address(address);
            match interface {
                Some(name) => batch += &format!("route add {address}/{length} dev {name}\n"),
                // Addresses make their own.
                None if length == family.max().count_ones() => {}
                None => batch += &format!("route add local {address}/{length} dev lo\n"),
            }
        }
    }
    run("ip", &["-batch", "-"], &batch).map(drop)
}
