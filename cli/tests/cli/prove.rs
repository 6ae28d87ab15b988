//! `prove`: what it refuses everywhere; what the live kernel says where it may be asked.

use super::{Run, check, command, finished, temporary};
use std::process::Stdio;

/// The kernel is asked where the kernel tests are.
fn may_ask() -> bool {
    let enabled = std::env::var("PORTWRIGHT_KERNEL").is_ok_and(|value| value == "1");
    if !enabled {
        eprintln!("NOT RUN: the live kernel is asked only with PORTWRIGHT_KERNEL=1");
    }
    enabled && cfg!(target_os = "linux")
}

/// Runs with a packet as the last argument.
fn prove(arguments: &str, packet: &str) -> Run {
    let mut command = command(arguments);
    command.arg(packet).stdin(Stdio::null());
    finished(command.output().expect("runs"))
}

#[track_caller]
fn expect(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!(run.code, code, "{run:#?}");
    for part in parts {
        let told = run.out.contains(part) || run.err.contains(part);
        assert!(told, "no `{part}` in {run:#?}");
    }
}

const RULES: &[u8] = b"*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A INPUT -p tcp -m tcp --dport 23 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -o eth1 -j DROP
COMMIT
";

#[test]
fn the_kernel_agrees() {
    if !may_ask() {
        return;
    }
    let rules = temporary("agrees.iptables", RULES);
    let cases = [
        (
            "tcp 10.0.0.2:40000 > 10.0.0.1:22",
            "accept via filter/INPUT/1:accept",
        ),
        (
            "tcp 10.0.0.2:40000 > 10.0.0.1:23",
            "reject via filter/INPUT/2:reject",
        ),
        (
            "tcp 10.0.0.2:40000 > 10.0.0.1:24",
            "drop via filter/INPUT/policy:drop",
        ),
        (
            "tcp 10.0.0.2:40000 > 10.0.0.1:24 state=established flags=ack",
            "accept via filter/INPUT/3:accept",
        ),
        (
            "in=eth0 out=eth1 hook=forward tcp 10.0.0.2:40000 > 10.9.0.1:24",
            "drop via filter/FORWARD/1:drop",
        ),
        (
            "out=eth1 hook=output udp 10.0.0.1:40000 > 10.9.0.1:24",
            "accept via filter/OUTPUT/policy:accept",
        ),
    ];
    for backend in ["legacy", "nft"] {
        for (packet, way) in cases {
            let arguments = format!("prove {} --backend {backend}", rules.display());
            let run = prove(&arguments, packet);
            let lines = [
                format!("agreed: {packet}"),
                format!("kernel      {way}"),
                format!("portwright  {way}"),
                "the kernel agrees about 1 of 1 packets".into(),
            ];
            expect(&run, 0, &lines.each_ref().map(String::as_str));
        }
    }
}

#[test]
fn packets_in_a_file_and_json() {
    if !may_ask() {
        return;
    }
    let rules = temporary("file.iptables", RULES);
    let packets = temporary(
        "file.jsonl",
        b"{\"src\":\"10.0.0.2\",\"dst\":\"10.0.0.1\",\"dport\":22}\n{\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"dport\":22,\"hook\":\"forward\",\"iface_out\":\"eth1\"}\n{\"src\":\"10.0.0.2\",\"dst\":\"10.0.0.1\",\"proto\":\"gre\",\"ct_state\":\"ESTABLISHED\"}\n",
    );
    let arguments = format!(
        "prove {} --packets {} --format json",
        rules.display(),
        packets.display()
    );
    let mut command = command(&arguments);
    let run = finished(command.stdin(Stdio::null()).output().expect("runs"));
    assert_eq!(run.code, 2, "{run:#?}");
    let answer: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let told = |key: &str| answer[key].as_u64();
    let counts = ["agreed", "disagreed", "unknown", "impossible"].map(told);
    assert_eq!(counts, [Some(2), Some(0), Some(0), Some(1)], "{run:#?}");
    assert_eq!(answer["packets"][1]["kernel"]["verdict"], "drop");
}

#[test]
fn findings_are_replayed() {
    if !may_ask() {
        return;
    }
    let run = finished(
        command("lint portwright.yaml --catalog mini.yaml --export cp=exports/cp-denies.iptables --prove")
            .stdin(Stdio::null())
            .output()
            .expect("runs"),
    );
    expect(&run, 1, &["the kernel agrees about"]);
    assert!(!run.err.contains("disagree"), "{run:#?}");
}

#[test]
fn what_cannot_be_proved() {
    let rules = temporary("wrong.iptables", RULES);
    let rules = rules.display();
    // Whoever may not make namespaces is told so first, with the same exit code.
    check("prove exports/cp.iptables", 2, "");
    check(&format!("prove {rules} --packets missing.jsonl"), 2, "");
    check("prove missing.iptables tcp", 2, "");
    check(&format!("prove {rules} --finding 1"), 2, "--site");
}

#[test]
fn what_is_no_export_is_refused() {
    if !may_ask() {
        return;
    }
    let text = temporary("none.txt", b"Chain INPUT (policy ACCEPT)\n");
    let run = prove(
        &format!("prove {}", text.display()),
        "tcp 10.0.0.2:40000 > 10.0.0.1:22",
    );
    expect(&run, 2, &["is no export that a kernel can load"]);
}
