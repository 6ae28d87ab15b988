//! `lint`: exit codes, the project file, exports.

use super::{check, command, finished, fixtures, run, run_with};

const SITE: &str = "portwright.yaml --catalog mini.yaml";

#[test]
fn exit_codes() {
    for (arguments, code, wanted) in [
        (
            "--export cp=exports/cp.iptables",
            0,
            "1 of 1 required flow permitted, 0 unknown",
        ),
        (
            "--export cp=exports/cp-denies.iptables",
            1,
            "error[PW201]: cp: incoming tcp 6443",
        ),
        (
            "--export cp=exports/cp-denies.iptables --fail-on note --ignore missing",
            1,
            "PW203",
        ),
        (
            "--export cp=exports/cp-denies.iptables --ignore PW201",
            0,
            "note[PW203]",
        ),
        (
            "--export cp=exports/cp-denies.iptables --select excess",
            0,
            "note[PW203]",
        ),
        (
            "--export cp=exports/cp-unknown.iptables",
            3,
            "warning[PW202]",
        ),
        (
            "--export cp=exports/cp-unknown.iptables --allow-unknown",
            0,
            "1 unknown",
        ),
        // Findings win over what is unknown.
        (
            "--export cp=exports/cp-unknown.iptables --fail-on warning",
            1,
            "1 unknown",
        ),
        (
            "--export cp=exports/cp.iptables --select nonsense",
            2,
            "there is no code `nonsense`",
        ),
        (
            "--export cp=exports/none.iptables",
            2,
            "`exports/none.iptables` cannot be read",
        ),
        (
            "--export nobody=exports/cp.iptables",
            2,
            "the site has no host `nobody`",
        ),
        ("--export cp=mini.yaml", 2, "error"),
        (
            "--between rack=exports/cp.iptables",
            2,
            "write `--between ZONE,ZONE=FILE`",
        ),
        (
            "--between rack,moon=exports/cp.iptables",
            2,
            "the site has no zone",
        ),
        (
            "--export cp=exports/cp.iptables --today 2027-02-30",
            2,
            "expected a day",
        ),
        (
            "--export cp=exports/cp.iptables --fail-on never",
            2,
            "possible values",
        ),
        ("--set cni", 2, "expected PARAM=VALUE"),
        ("--set cni=calico --export cp=exports/cp.iptables", 2, "cni"),
    ] {
        check(&format!("lint {SITE} {arguments}"), code, wanted);
    }
}

/// An error about the input wins over findings, after what could be computed.
#[test]
fn unusable_input_wins() {
    let broken = super::temporary(
        "broken-site.yaml",
        b"portwright: site/v1\nclusters:\n- name: a\n  hosts:\n  - {name: cp, address: 10.0.0.1, roles: [control-plane]}\n  - {name: w, address: 10.0.0.2, roles: [worker]}\n  - {name: x, address: nonsense, roles: [worker]}\n",
    );
    let arguments = format!(
        "lint {} --catalog mini.yaml --export cp=exports/cp-denies.iptables",
        broken.display()
    );
    let run = run(&arguments);
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.out.contains("error[PW201]"), "{run:#?}");
    assert!(run.err.contains("error[PW111]"), "{run:#?}");
}

/// The project file is found upwards; its inventories and exports are relative to it.
#[test]
fn project_file() {
    let wanted = "2 of 2 required flows permitted";
    check("lint --catalog mini.yaml", 0, wanted);
    check("lint portwright.yaml --catalog mini.yaml", 0, wanted);
    let below = command("lint --catalog ../mini.yaml")
        .current_dir(fixtures().join("project/exports"))
        .output()
        .expect("runs");
    let below = finished(below);
    assert_eq!(below.code, 0, "{below:#?}");
    assert!(
        below
            .out
            .contains("w1: 1 required flow checked in ../exports/w1.iptables"),
        "{below:#?}"
    );
    let nowhere = command("lint").current_dir("/").output().expect("runs");
    let nowhere = finished(nowhere);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere
            .err
            .contains("there is no portwright.yaml here or above"),
        "{nowhere:#?}"
    );
}

/// A site without guards and without `--export` has nothing to check.
#[test]
fn no_exports() {
    let arguments = "lint inventory/workers.yaml --catalog mini.yaml";
    check(arguments, 2, "there is no firewall export to check");
}

/// Files of one host are one system: without the set, its rule depends on what is missing.
#[test]
fn files_of_one_host() {
    let rules = b"*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -m set --match-set peers src -p tcp --dport 6443 -j ACCEPT\nCOMMIT\n";
    let set = b"create peers hash:ip family inet hashsize 1024 maxelem 65536\nadd peers 10.0.0.2\n";
    let rules = super::temporary("joined.iptables", rules);
    let set = super::temporary("joined.ipset", set);
    let one = format!(
        "lint {SITE} --select PW201,PW202 --export cp={}",
        rules.display()
    );
    check(&one, 3, "0 of 1 required flow permitted");
    check(
        &format!("{one} --export cp={}", set.display()),
        0,
        "1 of 1 required flow permitted",
    );
}

#[test]
fn json_is_the_engine_answer() {
    let arguments = format!("lint {SITE} --export cp=exports/cp-denies.iptables --format json");
    let run = run(&arguments);
    let answer: portwright::engine::Answer = serde_json::from_str(&run.out).expect("an answer");
    assert_eq!(portwright::engine::to_json(&answer), run.out);
    assert_eq!(run.code, 1);
    let text = std::fs::read(fixtures().join("project/exports/cp-denies.iptables")).expect("reads");
    let stdin = run_with(&arguments.replace("exports/cp-denies.iptables", "-"), &text);
    assert_eq!(stdin.code, 1);
    assert_eq!(
        stdin.out.replace("<stdin>", "exports/cp-denies.iptables"),
        run.out
    );
}

/// A named inventory that an embedder forgets is said to be missing.
#[test]
fn inventory_not_given() {
    let site = std::fs::read_to_string(fixtures().join("project/portwright.yaml")).expect("reads");
    let request = serde_json::json!({
        "operation": "resolve",
        "site": {"documents": [{"name": "portwright.yaml", "text": site}], "catalog": "dce"},
    });
    let run = run_with("call", request.to_string().as_bytes());
    assert!(
        run.out
            .contains("the inventory `inventory/workers.yaml` is not among the inputs"),
        "{run:#?}"
    );
}
