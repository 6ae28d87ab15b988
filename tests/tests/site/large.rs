//! A site of 100,000 hosts in every format: all hosts are read, in a time that grows with the
//! input and not with its square.

use super::read_texts;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const HOSTS: usize = 100_000;

fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn lines(head: &str, line: impl Fn(usize, String) -> String) -> String {
    let mut text = head.to_owned();
    for n in 0..HOSTS {
        let _ = writeln!(text, "{}", line(n, address(n)));
    }
    text
}

fn texts() -> Vec<(&'static str, String)> {
    let yaml = lines("all:\n  hosts:\n", |n, ip| {
        format!(
            "    node{n}: {{ansible_host: {ip}, ip: {ip}, access_ip: {ip}, ansible_user: root}}"
        )
    });
    let groups = lines("  children:\n    kube_node:\n      hosts:\n", |n, _| {
        format!("        node{n}:")
    });
    let own = lines(
        "portwright: site/v1\nroles: [{select: {regex: '7$'}, add: x}]\nclusters:\n- name: a\n  hosts:\n",
        |n, ip| format!("  - {{name: node{n}, address: {ip}, roles: [worker], zone: inner}}"),
    );
    let config = lines(
        "kind: ClusterConfig\nspec:\n  clusterName: a\n  masterNodes:\n",
        |n, ip| format!("  - {{nodeName: node{n}, ip: {ip}, ansibleUser: root, ansiblePass: x}}"),
    );
    vec![
        ("inventory.yml", yaml + &groups),
        (
            "inventory.ini",
            lines("[kube_node]\n", |n, ip| {
                format!("node{n} ip={ip} ansible_host={ip}")
            }),
        ),
        ("site.yaml", own),
        ("clusterConfig.yaml", config),
        (
            "hosts.csv",
            lines("name,address,roles\n", |n, ip| {
                format!("node{n},{ip},worker")
            }),
        ),
    ]
}

#[test]
fn every_format() {
    // Unoptimised code is some twenty times slower.
    let allowed = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 3 });
    for (name, text) in texts() {
        let start = Instant::now();
        let (_, read) = read_texts(&[(name, &text)]);
        let took = start.elapsed();
        println!("{name}: {} MB in {took:?}", text.len() >> 20);
        assert_eq!(read.site.hosts.len(), HOSTS, "{name}");
        let errors: Vec<&str> = read
            .diagnostics
            .iter()
            .map(|d| d.message.as_str())
            .collect();
        assert!(
            errors.iter().all(|e| e.starts_with("the bootstrap node") || e.starts_with("the network plugin")),
            "{name}: {:?}",
            errors.first()
        );
        assert!(took < allowed, "{name}: {took:?}");
    }
}
