//! Passwords in inventories never come out again.

use super::{cases, dump, inputs, read_texts};

/// Every word that stands for a secret in the fixtures and below.
const CANARY: &str = "c4n4ry";

/// Only lines with this are worth a look: a secret beside a key whose name says so.
const SNIPPET: &str = "pass";

/// Texts with a secret wherever a format can hold one, and in places where something is wrong.
const TEXTS: &[&str] = &[
    "spec:\n  masterNodes:\n  - {nodeName: a, ip: bad, ansibleUser: c4n4ry, ansiblePass: c4n4ry}\n  externalMiddlewares:\n    database: {kpanda: [{dataSourceName: 'u:c4n4ry@tcp(h:x)/db'}, {dataSourceName: 'root:c4n4ry@tcp(db:3306)/x'}]}\n    kafka: {brokers: ['c4n4ry@@h:h']}\n  imagesAndCharts: {type: external, externalImageRepo: 'https://u:c4n4ry@r', externalImageRepoPassword: c4n4ry}\n",
    "all:\n  hosts:\n    n1: {ip: 1.2.3.400, ansible_password: c4n4ry, ansible_become_password: !vault \"c4n4ry\"}\n    n2: c4n4ry\n",
    "all:\n  vars:\n    ip: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      c4n4ry\n  hosts: {n1: }\n",
    "[all]\nn1 ansible_host=10.0.0.1 ansible_password=c4n4ry\nn2 ansible_password='c4n4ry c4n4ry' c4n4ry\n[all:vars]\nansible_ssh_pass c4n4ry\nansible_ssh_pas=c4n4ry\n[kube_node:vars\nansible_password=c4n4ry\n",
    "{\"_meta\": {\"hostvars\": {\"n1\": {\"ansible_password\": \"c4n4ry\", \"ip\": 7}}},\n\"all\": {\"hosts\": [[\"c4n4ry\"]]}}",
    "name,address,password\nn1,10.0.0.1,c4n4ry\nn2,10.0.0.2,c4n4ry,c4n4ry\n",
    "portwright: site/v1\nhosts:\n- {name: a, address: 10.0.0.1, password: c4n4ry}\n- {name: b, address: 10.0.0.2, roles: {x: c4n4ry}}\n",
    "portwright: site/v1\npassword: c4n4ry\nhosts: c4n4ry\n",
    "a: c4n4ry\n  b: 'c4n4ry\n",
    "portwright: site/v1\nhosts: *c4n4ry\n",
];

fn assert_no_secret(texts: &[(&str, &str)]) {
    let (sources, read) = read_texts(texts);
    let dumped = dump::dump(&sources, &read);
    assert!(!dumped.contains(CANARY), "{dumped}");
    let debugged = format!("{read:?} {sources:?}");
    assert!(!debugged.contains(CANARY), "{debugged}");
    // What a renderer shows of the lines that a diagnostic points at.
    for label in read.diagnostics.iter().flat_map(|d| &d.labels) {
        let line = sources.position(label.span).line;
        let line = sources.get(label.span.source).expect("source").line(line);
        if line.contains(SNIPPET) {
            let shown = portwright::site::redact(line);
            assert!(!shown.contains(CANARY), "{shown}");
        }
    }
}

#[test]
fn never_come_out() {
    for text in TEXTS {
        assert_no_secret(&[("in.yaml", text)]);
    }
    let mut with_secret = 0;
    for case in cases() {
        let texts = inputs(&case);
        with_secret += usize::from(texts.iter().any(|(_, text)| text.contains(CANARY)));
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .collect();
        assert_no_secret(&texts);
    }
    assert!(with_secret >= 5, "fixtures hold secrets");
}
