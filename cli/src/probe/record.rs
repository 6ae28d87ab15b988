//! Records, one JSON object a line, each written as it comes.

use portwright::probe::Record;
use std::io::{self, Write};

/// Writes records. After the first failure it writes no more; [`Recorder::flush`] tells it.
pub struct Recorder {
    out: Box<dyn Write>,
    failed: Option<io::Error>,
}

impl Recorder {
    /// Writes to this; buffer it.
    pub fn new(out: impl Write + 'static) -> Self {
        Self {
            out: Box::new(out),
            failed: None,
        }
    }

    /// Writes one.
    pub fn write(&mut self, record: &Record) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.out, record)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"));
        self.failed = written.err();
    }

    /// Hands everything over to the system.
    ///
    /// # Errors
    ///
    /// The first failure since the last call.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}
