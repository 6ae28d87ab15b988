//! A namespace made ready: one nftables table that watches, and sockets to send with.

use super::Fault;
use super::host::Host;
use super::namespace::run;
use super::netlink::{Attributes, Requests, Socket, subsystem};
use super::probe::Probe;
use super::topology::{self, SENDER, hardware_address};
use super::wire;
use portwright::net::Family;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Log group of resets and ICMP errors that the host sends.
pub(super) const ANSWERS: u16 = 7;

/// How probes are watched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch {
    /// Connection tracking stays out of use unless rules use it. Then fragments travel on, and no
    /// conntrack state is noted.
    pub stateless: bool,
    /// The mark that packets have when they arrive.
    pub mark: u32,
}

/// A namespace that is a host, to send packets to.
pub struct Rig {
    /// For requests.
    pub(super) control: Socket,
    host: Host,
    link: OwnedFd,
    /// Indices of the far ends of the interfaces, and of `lo`.
    peers: Vec<libc::c_int>,
    /// Sockets of the users who send, by family and user.
    raw: BTreeMap<(Family, u32), OwnedFd>,
}

/// The watching table. It marks every probe for tracing before anything else sees it, notes its
/// conntrack state right behind connection tracking, and drops what survived just before a flow
/// would be confirmed.
fn watcher(watch: Watch) -> String {
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
    let mark = if watch.mark == 0 {
        String::new()
    } else {
        format!("meta mark set {}", watch.mark)
    };
    chain(
        "first",
        "prerouting",
        "-2147483648",
        &format!("{sentinel}\nmeta nftrace set 1 {mark}"),
    );
    // What the kernel itself sends has no owner: answers, neighbour discovery.
    chain(
        "sent",
        "output",
        "-2147483648",
        &format!(
            "meta skuid 0-4294967294 meta nftrace set 1 accept\nlog group {ANSWERS} queue-threshold 1\ndrop"
        ),
    );
    if !watch.stateless {
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

impl Rig {
    /// Makes the current thread's namespace this host.
    ///
    /// # Errors
    ///
    /// What the kernel or a program refused.
    pub fn new(host: &Host) -> Result<Self, Fault> {
        topology::make(host)?;
        let os = |error: io::Error| Fault::Failed(error.to_string());
        let names = (0..host.links.len()).map(|at| format!("peer{at}"));
        let peers = names.chain(["lo".to_owned()]).map(|name| index(&name));
        Ok(Self {
            control: Socket::open().map_err(os)?,
            link: socket(libc::AF_PACKET, libc::SOCK_RAW, 0).map_err(os)?,
            peers: peers.collect::<io::Result<_>>().map_err(os)?,
            raw: BTreeMap::new(),
            host: host.clone(),
        })
    }

    /// Watches probes. Call it when the rules are loaded: `flush ruleset` would end it.
    ///
    /// # Errors
    ///
    /// What the kernel or a program refused.
    pub fn watch(&self, watch: Watch) -> Result<(), Fault> {
        run("nft", &["-f", "-"], &watcher(watch)).map(drop)
    }

    /// Binds a log group, so that its packets are delivered to this socket whole and at once.
    pub(super) fn bind(socket: &mut Socket, group: u16) -> io::Result<()> {
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

    /// Lets a probe arrive at its interface.
    pub(super) fn arrive(&self, probe: &Probe, bytes: &[u8]) -> io::Result<()> {
        let links = &self.host.links;
        let link = links.iter().position(|name| *name == probe.in_interface);
        let own = link.map_or([0; 6], hardware_address);
        let to = wire::frame_destination(probe, own, &self.host);
        let from = probe.source_mac.unwrap_or(SENDER);
        self.frame(link, to, from, probe.family, bytes)
    }

    /// Lets the packet arrive that ends a batch.
    pub(super) fn end_batch(&self) -> io::Result<()> {
        let link = (!self.host.links.is_empty()).then_some(0);
        let to = link.map_or([0; 6], hardware_address);
        self.frame(link, to, SENDER, Family::V4, &wire::sentinel())
    }

    fn frame(
        &self,
        link: Option<usize>,
        to: [u8; 6],
        from: [u8; 6],
        family: Family,
        bytes: &[u8],
    ) -> io::Result<()> {
        let ethertype: u16 = match family {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        };
        let mut frame = to.to_vec();
        frame.extend(from);
        frame.extend(ethertype.to_be_bytes());
        frame.extend(bytes);
        // SAFETY: all fields are integers.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ethertype.to_be();
        address.sll_ifindex = self.peers[link.unwrap_or(self.host.links.len())];
        address.sll_halen = 6;
        address.sll_addr[..6].copy_from_slice(&to);
        send(&self.link, &frame, &address)
    }

    /// Sends a packet from the host itself.
    pub(super) fn originate(&mut self, probe: &Probe, bytes: &[u8]) -> io::Result<()> {
        let key = (probe.family, probe.uid);
        let socket = match self.raw.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(raw_socket(probe.family, probe.uid)?),
        };
        set_mark(socket, probe.mark)?;
        match probe.family {
            Family::V4 => {
                // SAFETY: all fields are integers.
                let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
                address.sin_family = libc::AF_INET as u16;
                address.sin_addr.s_addr = (probe.destination as u32).to_be();
                send(socket, bytes, &address)
            }
            Family::V6 => {
                // SAFETY: all fields are integers.
                let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
                address.sin6_family = libc::AF_INET6 as u16;
                address.sin6_addr.s6_addr = probe.destination.to_be_bytes();
                send(socket, bytes, &address)
            }
        }
    }
}

fn index(name: &str) -> io::Result<libc::c_int> {
    let name = CString::new(name)?;
    // SAFETY: the name is a live C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(index as libc::c_int)
}

/// A socket for whole packets that belongs to a user.
fn raw_socket(family: Family, uid: u32) -> io::Result<OwnedFd> {
    let domain = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    // SAFETY: no pointers. The user of file accesses is the thread's own, and is set back.
    unsafe {
        libc::setfsuid(uid);
        let made = socket(domain, libc::SOCK_RAW, libc::IPPROTO_RAW);
        libc::setfsuid(0);
        made
    }
}

/// Gives the packets of a socket a mark.
fn set_mark(fd: &OwnedFd, mark: u32) -> io::Result<()> {
    // SAFETY: the pointer is to a live integer of the given length.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MARK,
            (&raw const mark).cast(),
            size_of_val(&mark) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
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
