//! `ipset list`: a block for each set.

use super::read::Reading;
use super::save::words;
use crate::dialect::lines::{Line, lines};

/// What is known of the set that is being read.
struct Block<'a> {
    name: &'a str,
    kind: &'a str,
    at: Line<'a>,
    /// Elements that the block announces.
    announced: usize,
    /// Whether its head has been read.
    made: bool,
    members: bool,
}

/// Reads every block.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    let mut block: Option<Block<'_>> = None;
    for line in lines(text) {
        let trimmed = line.text.trim();
        if let Some(name) = trimmed.strip_prefix("Name:") {
            finish(block.take(), reading);
            block = Some(Block {
                name: name.trim(),
                kind: "",
                at: line,
                announced: 0,
                made: false,
                members: false,
            });
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        let span = reading.span(line.start, line.end());
        let Some(set) = &mut block else {
            let message = format!("expected `Name:` of a set, found `{trimmed}`");
            reading.fault(None, message, span);
            continue;
        };
        if set.members {
            if let [element, rest @ ..] = words(trimmed).as_slice() {
                reading.add(set.name, element, rest, span);
            }
            continue;
        }
        match trimmed.split_once(':') {
            Some(("Type", kind)) => set.kind = kind.trim(),
            Some(("Header", head)) => {
                set.made = true;
                reading.create(set.name, set.kind, &words(head), span);
            }
            Some(("Number of entries", number)) => {
                set.announced = number.trim().parse().unwrap_or(0);
            }
            Some(("Members", _)) => set.members = true,
            Some(("Revision" | "Size in memory" | "References" | "Default binding", _)) => {}
            _ => {
                let message = format!("expected `Header:` or `Members:`, found `{trimmed}`");
                reading.fault(Some(set.name), message, span);
            }
        }
    }
    finish(block, reading);
}

fn finish(block: Option<Block<'_>>, reading: &mut Reading<'_>) {
    let Some(block) = block else {
        return;
    };
    let span = reading.span(block.at.start, block.at.end());
    if !block.made {
        reading.create(block.name, block.kind, &[], span);
        let message = format!("set `{}` has no `Header:`", block.name);
        reading.fault(Some(block.name), message, span);
    }
    reading.incomplete(block.name, block.announced, span);
}
