//! Accepted connections: an echo of their first bytes, and an end that leaves nothing behind.

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::Socket;
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Bytes of a connection that are echoed; a nonce is shorter.
const ECHOED: usize = 512;
/// Bytes that are read before a connection is cut.
const MOST_READ: usize = 16 << 10;
/// How long a connection may last.
const LIFE: Duration = Duration::from_secs(5);

struct Connection {
    socket: Socket,
    /// Bytes read so far.
    read: usize,
    /// Which connection of this slot it is.
    number: u64,
}

/// The open connections. Their tokens start at a given number.
pub struct Connections {
    slots: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Slot, number and deadline, oldest first.
    ages: VecDeque<(usize, u64, Instant)>,
    first: usize,
    most: usize,
    count: u64,
}

impl Connections {
    /// None yet; at most `most` at a time, the oldest makes room. Tokens start at `first`.
    pub fn new(first: usize, most: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            ages: VecDeque::new(),
            first,
            most: most.max(1),
            count: 0,
        }
    }

    /// Takes a connection that was just accepted.
    ///
    /// # Errors
    ///
    /// What the system says when it is to be watched.
    pub fn add(&mut self, registry: &Registry, socket: Socket, now: Instant) -> io::Result<()> {
        while self.slots.len() - self.free.len() >= self.most && self.drop_oldest() {}
        socket.set_nonblocking(true)?;
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        let token = Token(self.first + slot);
        registry.register(
            &mut SourceFd(&socket.as_raw_fd()),
            token,
            Interest::READABLE,
        )?;
        self.count += 1;
        let connection = Connection {
            socket,
            read: 0,
            number: self.count,
        };
        self.free.pop();
        match self.slots.get_mut(slot) {
            Some(place) => *place = Some(connection),
            None => self.slots.push(Some(connection)),
        }
        self.ages.push_back((slot, self.count, now + LIFE));
        Ok(())
    }

    /// Resets the oldest connection. Says whether there was one.
    pub fn drop_oldest(&mut self) -> bool {
        while let Some((slot, number, _)) = self.ages.pop_front() {
            if self.is(slot, number) {
                self.end(slot, true);
                return true;
            }
        }
        false
    }

    /// Something can be read from a connection.
    pub fn ready(&mut self, token: Token) {
        let slot = token.0.wrapping_sub(self.first);
        let Some(Some(connection)) = self.slots.get_mut(slot) else {
            return;
        };
        if let Some(reset) = connection.echo() {
            self.end(slot, reset);
        }
    }

    /// Resets connections that have lived long enough. When the next one has.
    pub fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&(slot, number, deadline)) = self.ages.front() {
            let alive = self.is(slot, number);
            if alive && deadline > now {
                return Some(deadline);
            }
            self.ages.pop_front();
            if alive {
                self.end(slot, true);
            }
        }
        None
    }

    fn is(&self, slot: usize, number: u64) -> bool {
        matches!(self.slots.get(slot), Some(Some(connection)) if connection.number == number)
    }

    fn end(&mut self, slot: usize, reset: bool) {
        if let Some(connection) = self.slots.get_mut(slot).and_then(Option::take) {
            if reset {
                connection.reset();
            }
            self.free.push(slot);
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        while self.drop_oldest() {}
    }
}

impl Connection {
    /// Reads what there is and sends it back; whether the connection ended, and is to be reset.
    fn echo(&mut self) -> Option<bool> {
        let mut buffer = [0; ECHOED];
        loop {
            match (&self.socket).read(&mut buffer) {
                // The peer closed first: the wait for late packets is on its side.
                Ok(0) => return Some(false),
                Ok(length) => {
                    let room = ECHOED.saturating_sub(self.read).min(length);
                    self.read += length;
                    if self.read > MOST_READ {
                        return Some(true);
                    }
                    let bytes = buffer.get(..room).unwrap_or_default();
                    // An empty send buffer has room for it; a peer that is gone is read next.
                    let _ = (&self.socket).write(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Some(true),
            }
        }
    }

    /// Ends it with a reset: the port is free for a service at once, without a wait for late
    /// packets.
    fn reset(self) {
        // Without it the end is an ordinary one.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}
