//! Classic mistakes: what public firewall code gets wrong again and again.

mod closed;
mod comment;
mod exposed;
mod interface;
mod invalid;
mod loopback;
mod permits;
mod protocol;
mod remark;
mod source_port;
mod twin;

pub(super) use interface::impossible_interface;
pub(super) use permits::Permits;
pub(in crate::analysis) use protocol::is_mistaken;

use super::line::Line;
use super::{Audit, Needs};
use crate::analysis::Finding;

/// Mistakes that one line gives away. Only for lines that match packets.
pub(super) fn of_line(audit: &Audit<'_, '_>, line: &Line, needs: Needs) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(protocol::wrong_protocol(audit, line));
    found.extend(comment::swapped(audit, line));
    found.extend(invalid::late(audit, line));
    found.extend(source_port::source_port(audit, line));
    if needs == Needs::Unknown && found.is_empty() {
        found.extend(exposed::exposed(audit, line));
        found.extend(loopback::loopback(audit, line));
    }
    found
}

/// Mistakes that only the whole system shows.
pub(super) fn of_system(audit: &Audit<'_, '_>) -> Vec<Finding> {
    let mut found = closed::closed(audit);
    found.extend(twin::twins(audit));
    found.extend(remark::remarks(audit.subject.firewall));
    found
}
