//! The judge of `portwright probe`: hosts in network namespaces behind a router, faults planted
//! between them, and real traffic. What must be found is written by hand (`truth.rs`).
//!
//! Runs with `PORTWRIGHT_KERNEL=1` (as `cargo xtask test` does), as root, on Linux.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run programs, use files, sockets, threads and clocks"
)]

mod chain;
mod dial;
mod lab;
mod namespace;
mod planted;
mod plants;
mod program;
mod robust;
mod truth;

use lab::Lab;
use std::thread;

/// Whether the kernel may be asked; says so when not.
fn enabled() -> bool {
    let enabled = std::env::var("PORTWRIGHT_KERNEL").is_ok_and(|value| value == "1");
    if !enabled {
        eprintln!("NOT RUN: live probes are made only with PORTWRIGHT_KERNEL=1 (cargo xtask test)");
    }
    enabled
}

/// The plants are what the truth takes them for: judged by a plain client, before Portwright is.
#[test]
fn the_plants_are_there() {
    if !enabled() {
        return;
    }
    let lab = Lab::new();
    let _services = plants::all(&lab);
    let cases: [(&str, &str, &str, u16, &str); 24] = [
        ("a", "tcp", "10.77.2.2", 3000, "ECONNREFUSED"),
        ("a", "tcp", "10.77.2.2", 3001, "ECONNREFUSED"),
        ("a", "tcp", "10.77.2.2", 3002, "EHOSTUNREACH"),
        ("a", "tcp", "10.77.2.2", 3003, "EHOSTUNREACH"),
        ("a", "tcp", "10.77.2.2", 3004, "ENETUNREACH"),
        ("a", "tcp", "10.77.2.2", 3005, "ECONNREFUSED"),
        ("a", "tcp", "10.77.2.2", 3006, "timeout"),
        ("a", "tcp", "fd77:0:0:2::2", 3002, "EACCES"),
        ("a", "tcp", "fd77:0:0:2::2", 3006, "timeout"),
        ("a", "tcp", "10.77.5.2", 3007, "timeout"),
        ("a", "tcp", "10.77.5.2", 3008, "EHOSTUNREACH"),
        ("a", "tcp", "10.77.5.2", 3010, "ECONNREFUSED"),
        ("c", "tcp", "10.77.1.2", 3011, "ECONNREFUSED"),
        ("c", "udp", "10.77.1.2", 3011, "EPERM"),
        ("c", "tcp", "10.77.1.2", 3012, "timeout"),
        ("c", "udp", "10.77.1.2", 3012, "EPERM"),
        ("c", "tcp", "10.88.0.1", 3060, "EINVAL"),
        ("c", "tcp", "10.88.0.2", 3060, "EHOSTUNREACH"),
        ("c", "tcp", "10.88.0.3", 3060, "EACCES"),
        ("c", "tcp", "10.88.0.4", 3060, "ENETUNREACH"),
        ("a", "tcp", "10.77.4.2", 3014, "open"),
        ("a", "tcp", "10.77.4.2", 3015, "timeout"),
        ("a", "udp", "10.77.4.2", 3014, "timeout"),
        ("a", "udp", "fd77:0:0:4::2", 3016, "answer"),
    ];
    thread::scope(|scope| {
        for (from, protocol, to, port, expected) in cases {
            let lab = &lab;
            scope.spawn(move || {
                let address = to.parse().expect("an address");
                // An error that comes while the call is still under way counts when the packet is
                // sent again, a second later.
                let got = lab.host(from).enter(|| match protocol {
                    "tcp" => dial::tcp(address, port, 2500),
                    _ => dial::udp(address, port, 700),
                });
                assert_eq!(got, expected, "{from} {protocol} {to} {port}");
            });
        }
    });
}
