//! The example that README walks through gives the report that is beside it.

use super::{command, finished, fixtures};
use std::process::Stdio;

/// Renew it with `portwright lint --today 2027-01-31 > report.txt` in the example's folder.
#[test]
fn the_report_is_what_portwright_says() {
    let folder = fixtures().join("../../../examples/dce");
    let run = finished(
        command("lint --today 2027-01-31")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .expect("runs"),
    );
    let report = std::fs::read_to_string(folder.join("report.txt")).expect("a report");
    assert_eq!(run.out, report, "{}", run.err);
    assert_eq!(run.code, 1);
}
