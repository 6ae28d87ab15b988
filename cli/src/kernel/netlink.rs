//! Netlink to the kernel's packet filter: requests, multicast groups, attributes.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `NFNL_SUBSYS_*` of linux/netfilter/nfnetlink.h.
pub(super) mod subsystem {
    /// Connection tracking.
    pub const CTNETLINK: u16 = 1;
    /// Packet logging.
    pub const ULOG: u16 = 4;
    /// nf_tables.
    pub const NFTABLES: u16 = 10;
}

/// Marks an attribute that holds attributes.
const NESTED: u16 = 0x8000;
/// Bytes of the netlink header and of the netfilter header behind it.
const HEADERS: usize = 20;
/// Kernel memory for messages that were not read yet.
const QUEUE_BYTES: libc::c_int = 256 << 20;

/// A netlink socket in the network namespace of the thread that opened it.
pub(super) struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

/// One message.
pub(super) struct Message<'a> {
    /// Subsystem and message number.
    pub kind: u16,
    /// Family, version and resource; in an error message its code.
    extra: [u8; 4],
    /// What follows the headers.
    pub attributes: &'a [u8],
}

/// Requests under way to the kernel.
#[derive(Default)]
pub(super) struct Requests(Vec<u8>);

/// Attributes under way.
#[derive(Default)]
pub(super) struct Attributes(Vec<u8>);

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Sets a socket option that is an integer.
fn option(fd: &OwnedFd, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer is to a live integer of the given length.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            length,
        )
    })
    .map(drop)
}

impl Socket {
    /// Opens one.
    pub fn open() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is new and nobody else's.
        let fd = unsafe {
            let raw = libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                libc::NETLINK_NETFILTER,
            );
            OwnedFd::from_raw_fd(check(raw)?)
        };
        // Root of a user namespace has no more than what every user may have.
        if option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, QUEUE_BYTES).is_err() {
            option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, QUEUE_BYTES)?;
        }
        // A socket without an address would be taken for the kernel's and get no broadcasts.
        // SAFETY: all fields are integers; the pointer is to a live structure of that length.
        unsafe {
            let mut any: libc::sockaddr_nl = std::mem::zeroed();
            any.nl_family = libc::AF_NETLINK as u16;
            let length = size_of_val(&any) as libc::socklen_t;
            check(libc::bind(fd.as_raw_fd(), (&raw const any).cast(), length))?;
        }
        Ok(Self {
            fd,
            buffer: vec![0; 1 << 16],
        })
    }

    /// Listens to a multicast group.
    pub fn join(&self, group: i32) -> io::Result<()> {
        option(
            &self.fd,
            libc::SOL_NETLINK,
            libc::NETLINK_ADD_MEMBERSHIP,
            group,
        )
    }

    /// Sends requests and waits for the answer to the last; `Err` with the first refusal.
    pub fn execute(&mut self, mut requests: Requests) -> io::Result<()> {
        let count = requests.number();
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the pointer is to a live buffer of the given length.
        let sent = unsafe {
            libc::send(
                self.fd.as_raw_fd(),
                requests.0.as_ptr().cast(),
                requests.0.len(),
                0,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut refused = None;
        let mut answers = 0;
        while answers < count {
            if !self.wait(2_000)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.receive(|message| {
                if message.kind == libc::NLMSG_ERROR as u16 {
                    answers += 1;
                    let code = message.code();
                    if code != 0 {
                        refused.get_or_insert(-code);
                    }
                }
            })?;
        }
        refused.map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)))
    }

    /// Waits until something can be read; whether it can.
    pub fn wait(&self, milliseconds: libc::c_int) -> io::Result<bool> {
        let mut poll = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one live structure.
        Ok(check(unsafe { libc::poll(&raw mut poll, 1, milliseconds) })? > 0)
    }

    /// Reads everything that is there, without waiting.
    pub fn receive(&mut self, mut each: impl FnMut(&Message<'_>)) -> io::Result<()> {
        loop {
            // SAFETY: the pointer is to a live buffer of the given length.
            let length = unsafe {
                libc::recv(
                    self.fd.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            let Ok(length) = usize::try_from(length) else {
                let error = io::Error::last_os_error();
                return match error.kind() {
                    io::ErrorKind::WouldBlock => Ok(()),
                    _ => Err(error),
                };
            };
            let mut rest = &self.buffer[..length];
            while rest.len() >= HEADERS {
                let size = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                if size < HEADERS || size > rest.len() {
                    break;
                }
                each(&Message {
                    kind: u16::from_ne_bytes([rest[4], rest[5]]),
                    extra: [rest[16], rest[17], rest[18], rest[19]],
                    attributes: &rest[HEADERS..size],
                });
                rest = &rest[rest.len().min(size.next_multiple_of(4))..];
            }
        }
    }
}

impl Message<'_> {
    /// `NFPROTO_*`.
    pub fn family(&self) -> u8 {
        self.extra[0]
    }

    /// Number of the resource: a log group.
    pub fn resource(&self) -> u16 {
        u16::from_be_bytes([self.extra[2], self.extra[3]])
    }

    /// Of an error message: zero for an acknowledgement, else the negative error number.
    fn code(&self) -> i32 {
        i32::from_ne_bytes(self.extra)
    }
}

impl Requests {
    /// Adds one; it is acknowledged.
    pub fn add(
        &mut self,
        subsystem: u16,
        message: u16,
        flags: i32,
        family: u8,
        resource: u16,
        attributes: &Attributes,
    ) {
        let size = (HEADERS + attributes.0.len()) as u32;
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        self.0.extend(size.to_ne_bytes());
        self.0.extend((subsystem << 8 | message).to_ne_bytes());
        self.0.extend(flags.to_ne_bytes());
        self.0.extend([0; 8]);
        self.0.extend([family, 0]);
        self.0.extend(resource.to_be_bytes());
        self.0.extend(&attributes.0);
    }

    fn number(&mut self) -> usize {
        let mut count = 0;
        let mut at = 0;
        while let Some(size) = self.0.get(at..at + 4).and_then(|s| s.try_into().ok()) {
            at += u32::from_ne_bytes(size) as usize;
            count += 1;
        }
        count
    }
}

impl Attributes {
    /// Adds one with these bytes.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let size = (4 + value.len()) as u16;
        self.0.extend(size.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds one that holds others.
    #[must_use]
    pub fn nest(self, kind: u16, inner: &Self) -> Self {
        self.with(kind | NESTED, &inner.0)
    }
}

/// The value of an attribute.
pub(super) fn attribute(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = attributes;
    while rest.len() >= 4 {
        let size = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]) & !NESTED;
        if size < 4 || size > rest.len() {
            return None;
        }
        if kind == wanted {
            return Some(&rest[4..size]);
        }
        rest = &rest[rest.len().min(size.next_multiple_of(4))..];
    }
    None
}

/// An attribute that is text, without the final NUL.
pub(super) fn text(attributes: &[u8], wanted: u16) -> Option<&str> {
    let bytes = attribute(attributes, wanted)?;
    std::str::from_utf8(bytes.strip_suffix(&[0]).unwrap_or(bytes)).ok()
}
