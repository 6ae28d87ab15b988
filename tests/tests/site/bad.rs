//! Wrong input: which code, where, and in which words. Written by hand.

use super::read_texts;
use portwright::site::FORMATS;

/// Title, text, and the expected `CODE LINE:COLUMN MESSAGE`, all of them.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "empty",
        "",
        &[
            "PW004 1:1 no known inventory format recognises this file",
            "PW112 - no host was found in the input",
        ],
    ),
    (
        "prose",
        "dear colleague,\nplease open the ports\n",
        &[
            "PW004 1:1 no known inventory format recognises this file",
            "PW112 - no host was found in the input",
        ],
    ),
    (
        "site without hosts",
        "portwright: site/v1\n",
        &["PW112 - no host was found in the input"],
    ),
    (
        "future version",
        "portwright: site/v9\nhosts: [{name: a, address: 10.0.0.1}]\n",
        &[
            "PW003 1:13 unknown value `site/v9`; expected one of `site/v1`",
            "PW112 - no host was found in the input",
        ],
    ),
    (
        "broken YAML keeps what stands before",
        "portwright: site/v1\nhosts:\n- {name: a, address: 10.0.0.1}\nvips: [\n",
        &["PW003 4:7 not valid YAML here: unclosed bracket `[`"],
    ),
    (
        "key twice",
        "portwright: site/v1\ncatalog: a\ncatalog: b\nhosts: [{name: a, address: 10.0.0.1}]\n",
        &["PW003 3:1 the key `catalog` comes twice in one mapping; the last one is used"],
    ),
    (
        "unknown alias",
        "portwright: site/v1\ncatalog: *x\nhosts: [{name: a, address: 10.0.0.1}]\n",
        &["PW003 2:10 this alias has no anchor before it"],
    ),
    (
        "wrong types",
        "portwright: site/v1\nhosts:\n- {name: a, address: {b: c}}\n- name\n- {name: [x], address: 10.0.0.1}\n- {name: é, address: 10.0.0.1, ssh-port: x}\n- {address: 10.0.0.1}\n- {name: z, address: 10.0.0.9}\n",
        &[
            "PW003 3:22 expected a text, found a mapping",
            "PW003 4:3 expected a mapping, found text",
            "PW003 5:10 expected a text, found a list",
            "PW003 6:42 expected a number from 0 to 65535, found text",
            "PW003 7:3 the key `name` is missing",
        ],
    ),
    (
        "selector",
        "portwright: site/v1\nhosts: [{name: a, address: 10.0.0.1}]\nroles: [{select: [a], add: x}, {select: {regex: a, flags: i}, add: x}]\n",
        &[
            "PW003 3:18 expected a host name or `{regex: EXPRESSION}`, found a list",
            "PW003 3:52 unknown key `flags`; expected one of `regex`",
        ],
    ),
    (
        "huge expression",
        "portwright: site/v1\nhosts: [{name: a, address: 10.0.0.1}]\nroles: [{select: {regex: '(a{1000}){1000}'}, add: x}]\n",
        &["PW002 3:18 the regular expression `(a{1000}){1000}` is too large"],
    ),
    (
        "endless range",
        "portwright: site/v1\nhosts: [{name: 'a[1:300000]', address: 10.0.0.1}, {name: b, address: 10.0.0.1}]\n",
        &["PW003 2:16 the range in `a[1:300000]` is empty or too long"],
    ),
    (
        "clusterConfig",
        "kind: ClusterConfig\nspec:\n  masterNodes: {nodeName: a}\n  workerNodes:\n  - {nodeName: w, ip: 10.0.0.1, ansibleSSHPort: ssh}\n  loadBalancer: {type: metallb, insightVip: 10.0.0.0/24}\n  network: {clusterCIDR: 10.0.0.1/8}\n  kubeanConfig: [a]\n  bootstrapNode: 10.0.0.9\n",
        &[
            "PW003 3:16 `masterNodes` must be a list, found a mapping",
            "PW003 5:49 `ansibleSSHPort` is `ssh`, which is not a port",
            "PW111 6:45 `insightVip` is `10.0.0.0/24`, which is not an address",
            "PW103 7:26 the pod network 10.0.0.0/8 of cluster `in` holds the address of host `w` (10.0.0.1)",
        ],
    ),
    (
        "calico twice",
        "kube_network_plugin: calico\n",
        &[
            "PW006 1:1 these variables belong to no inventory, or it is not clear to which",
            "PW112 - no host was found in the input",
        ],
    ),
    (
        "tunnels",
        "[all:vars]\nkube_network_plugin=calcio\ncalico_ipip_mode=Always\ncalico_vxlan_mode=Always\n[kube_node]\nn1 ip=10.0.0.1\n",
        &[
            "PW005 2:21 `calcio` is no network plugin",
            "PW102 3:18 calico_ipip_mode and calico_vxlan_mode exclude each other, and both are on",
        ],
    ),
    (
        "INI",
        "[kube_node]\nn1 ip=10.0.0.1 oops ansible_port=99999\nn[3:1] ip=10.0.0.2\n[kube_node:var]\nx=1\n[etcd:vars]\nnothing\n[bad\nx\n[kube_node:children]\nkube_node\n",
        &[
            "PW003 2:16 expected `variable=value` after host `n1`",
            "PW003 3:1 the range in `n[3:1]` is empty or too long",
            "PW003 4:1 `:var` is no kind of section; its lines are ignored",
            "PW003 7:1 expected `variable=value`",
            "PW003 8:1 this section header is not complete; its lines are ignored",
            "PW003 2:34 `ansible_port` of host `n1` is `99999`, which is not a port",
            "PW006 1:1 the network plugin of cluster `in` is not known, so its ports are not checked",
        ],
    ),
    (
        "YAML inventory",
        "all:\n  hosts: [n1, n2]\n  children:\n    kube_node: {hosts: {n1: {ip: node1}, n2: 10.0.0.2}}\n",
        &[
            "PW003 2:10 `hosts` of group `all` must be a mapping, found a list",
            "PW003 4:46 host `n2` must have a mapping of variables, found a single value",
            "PW111 4:34 `ip` of host `n1` is `node1`, which is not an address",
            "PW111 4:42 host `n2` has no address: neither `ip`, `ansible_host` nor its name is one",
            "PW006 1:1 the network plugin of cluster `in` is not known, so its ports are not checked",
        ],
    ),
    (
        "group cycle",
        "[a:children]\nb\n[b:children]\na\n[kube_node]\nn1 ip=10.0.0.1\n",
        &[
            "PW003 - group `a` contains itself through its children",
            "PW006 1:1 the network plugin of cluster `in` is not known, so its ports are not checked",
        ],
    ),
    (
        "CSV",
        "name,adress,ip\nn1,,\nn2,,10.0.0.256\n\"n3\",x,10.0.0.3\n",
        &[
            "PW005 1:6 the column `adress` is not known; it is ignored",
            "PW111 2:1 host `n1` has no address",
            "PW111 3:5 the address of host `n2` is `10.0.0.256`, which is not an address",
        ],
    ),
    (
        "ConfigMap without inventory",
        "kind: ConfigMap\nmetadata: {name: a}\ndata:\n  hosts.yml: |\n    - a\n",
        &[
            "PW003 5:5 `hosts.yml` holds no Ansible inventory",
            "PW112 - no host was found in the input",
        ],
    ),
    (
        "error inside embedded YAML",
        "kind: ConfigMap\nmetadata: {name: a}\ndata:\n  hosts.yml: |\n    kube_node:\n      hosts:\n        n1: {ip: 10.0.0.1}\n        n2: {ip: 10.0.0.2\n",
        &[
            "PW003 8:13 not valid YAML here: unclosed bracket `{`",
            "PW006 2:18 the network plugin of cluster `a` is not known, so its ports are not checked",
        ],
    ),
];

#[test]
fn messages() {
    let mut wrong = String::new();
    for (title, text, expected) in CASES {
        let (sources, read) = read_texts(&[("in.x", text)]);
        let found: Vec<String> = read
            .diagnostics
            .iter()
            .map(|d| {
                let at = d.labels.first().map_or("-".to_owned(), |label| {
                    let at = sources.position(label.span);
                    format!("{}:{}", at.line, at.column)
                });
                assert!(
                    d.help.is_some() || d.code.id == "PW002",
                    "{title}: no remedy for {}",
                    d.message
                );
                format!("{} {at} {}", d.code.id, d.message)
            })
            .collect();
        if found != *expected {
            wrong += &format!("{title}:\n  {}\n", found.join("\n  "));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// One broken file does not stand in the way of the others.
#[test]
fn beside_good_ones() {
    let good = "portwright: site/v1\nhosts: [{name: a, address: 10.0.0.1}]\n";
    for (title, text, _) in CASES {
        let (_, read) = read_texts(&[("bad.x", text), ("good.yaml", good)]);
        assert!(read.site.hosts.iter().any(|h| h.name == "a"), "{title}");
    }
}

#[test]
fn limits() {
    let count = |text: &str| {
        let (_, read) = read_texts(&[("in.x", text)]);
        let limits = read
            .diagnostics
            .iter()
            .filter(|d| d.code.id == "PW002")
            .count();
        (read.site.hosts.len(), limits)
    };
    let many = "[kube_node]\nn[1:150000] ip=10.0.0.1\nm[1:150000] ip=10.0.0.2\n";
    assert!(count(many).0 <= 200_001);
    let large = format!("portwright: site/v1\n#{}\n", "x".repeat(16 << 20));
    assert_eq!(count(&large), (0, 1));
    let deep = format!("portwright: site/v1\nhosts: {}", "[".repeat(1_000));
    assert_eq!(count(&deep).0, 0);
}

/// Every format has a fixture folder, and every fixture is read as its folder says.
#[test]
fn formats_are_told_apart() {
    for case in super::cases() {
        let folder = case.parent().and_then(|p| p.file_name()).expect("folder");
        let folder = folder.to_string_lossy();
        if folder == "merge" {
            continue;
        }
        assert!(FORMATS.iter().any(|f| f.id == folder), "{folder}");
        let texts = super::inputs(&case);
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .collect();
        let (_, read) = read_texts(&texts);
        let first = read.formats.first().map(|&(_, format)| format);
        assert_eq!(first, Some(folder.as_ref()), "{}", case.display());
    }
}

/// The JSON Schema is that of the reader's own types.
#[test]
fn schema() {
    let schema = serde_json::to_value(portwright::site::schema()).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    let host = &schema["$defs"]["Host"];
    assert_eq!(host["additionalProperties"], false);
    assert!(host["properties"]["ssh-port"].is_object());
    assert_eq!(schema["required"], serde_json::json!(["portwright"]));
}
