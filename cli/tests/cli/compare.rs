//! `compare`: what two exports do differently.

use super::{Run, check, fixtures, run, temporary};

fn compared(arguments: &str) -> Run {
    let folder = fixtures().join("compare");
    let mut command = super::command("compare");
    command
        .args(arguments.split_whitespace())
        .current_dir(folder);
    super::finished(command.output().expect("runs"))
}

#[test]
fn what_is_opened_and_closed() {
    let run = compared("before.iptables after.iptables");
    assert_eq!((run.code, run.err.as_str()), (1, ""), "{run:#?}");
    for wanted in [
        "opened at input, IPv4\n  192.0.2.0/24 → any, tcp 22, state new, invalid, untracked, in any but lo\n  was drop    before.iptables:3  :INPUT DROP [0:0]\n  now accept  after.iptables:14  -A admin -s 192.0.2.0/24 -j ACCEPT\n",
        "closed at input, IPv4\n  10.1.0.0-10.255.255.255 → any, tcp 6443, state new, invalid, untracked, in any but lo\n  was accept  before.iptables:9 ",
        "now drop    after.iptables:3  :INPUT DROP [12:700]\n",
        "answer changed at input, IPv4\n  any → any, udp 53, state new, invalid, untracked, in any but lo\n  was drop                       before.iptables:11",
        "now reject (port-unreachable)  after.iptables:10",
        "forward, IPv4: equivalent\noutput, IPv4: equivalent\n",
        "different: 1 opened, 1 closed, 0 translated differently, 1 with another answer, 0 possible\n",
    ] {
        assert!(run.out.contains(wanted), "no `{wanted}` in {}", run.out);
    }
}

/// Rules moved, split, renamed and said differently: the same packets pass.
#[test]
fn equivalent_is_proved() {
    let run = compared("before.iptables reordered.iptables");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:#?}");
    let wanted = "input, IPv4: equivalent\nforward, IPv4: equivalent\noutput, IPv4: equivalent\nequivalent: 0 opened, 0 closed, 0 translated differently, 0 with another answer, 0 possible\n";
    assert_eq!(run.out, wanted);
}

#[test]
fn what_is_not_modelled_makes_differences_possible() {
    let run = compared("before.iptables unknown.iptables");
    assert_eq!(run.code, 3, "{run:#?}");
    for wanted in [
        "possibly opened at input, IPv4\n",
        "depends on unknown.iptables:11: match `string` is not modelled",
        "input, IPv4: possibly different\n",
    ] {
        assert!(run.out.contains(wanted), "no `{wanted}` in {}", run.out);
    }
    let allowed = compared("before.iptables unknown.iptables --allow-unknown");
    assert_eq!(allowed.code, 0);
    let same = compared("unknown.iptables unknown.iptables");
    assert_eq!(same.code, 0, "{same:#?}");
    assert!(
        same.out
            .contains("1 line is not modelled and the same in both"),
        "{same:#?}"
    );
}

/// Every witness passes one side and not the other, says `trace`.
#[test]
fn witnesses_are_confirmed_by_trace() {
    let run = compared("before.iptables after.iptables --format json");
    let answer: portwright::engine::Answer = serde_json::from_str(&run.out).expect("an answer");
    assert_eq!(portwright::engine::to_json(&answer), run.out);
    let Some(portwright::engine::Outcome::Compare(result)) = answer.result else {
        panic!("{run:#?}");
    };
    assert_eq!(result.differences.len(), 3);
    for one in &result.differences {
        for (file, side) in [("before", &one.old), ("after", &one.new)] {
            assert_eq!(side.verdict, side.witness.verdict);
            let mut trace = super::command("trace");
            let folder = fixtures().join("compare");
            trace
                .args([&format!("{file}.iptables"), &one.witness])
                .current_dir(folder);
            let traced = super::finished(trace.output().expect("runs"));
            let line = side.place.as_ref().expect("a line").line;
            let wanted = format!("{} by line {line}\n", side.verdict);
            assert!(traced.out.starts_with(&wanted), "{wanted} {traced:#?}");
        }
    }
}

#[test]
fn answers_may_be_allowed() {
    let before = fixtures().join("compare/before.iptables");
    let text = std::fs::read_to_string(before).expect("a fixture");
    let text = text.replace("--dport 53 -j DROP", "--dport 53 -j REJECT");
    let rejecting = temporary("rejecting.iptables", text.as_bytes());
    let two = format!("before.iptables {}", rejecting.display());
    let run = compared(&two);
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(
        run.out.contains("input, IPv4: answers differ\n"),
        "{run:#?}"
    );
    assert_eq!(compared(&format!("{two} --allow-answers")).code, 0);
}

#[test]
fn markdown() {
    let run = compared("before.iptables after.iptables --format markdown");
    for wanted in [
        "# before.iptables → after.iptables\n",
        "| input, IPv4 | different |\n",
        "## opened at input, IPv4\n\n- 192.0.2.0/24 → any, tcp 22",
    ] {
        assert!(run.out.contains(wanted), "no `{wanted}` in {}", run.out);
    }
}

/// A family that only one side exports is not taken for open or closed.
#[test]
fn a_family_of_one_side_is_not_compared() {
    let six = "# Generated by ip6tables-save v1.8.9\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n";
    let six = temporary("six.ip6tables", six.as_bytes());
    let one = compared(&format!(
        "before.iptables before.iptables --new-with {}",
        six.display()
    ));
    assert_eq!(one.code, 3, "{one:#?}");
    assert!(one.err.contains("--old-with"), "{one:#?}");
    assert!(one.out.contains("input, IPv6: not compared\n"), "{one:#?}");
    let both = format!(
        "before.iptables before.iptables --new-with {0} --old-with {0}",
        six.display()
    );
    assert_eq!(compared(&both).code, 0);
}

#[test]
fn usage() {
    for (arguments, wanted) in [
        ("compare exports/cp.iptables", "required"),
        ("compare - -", "standard input `-` is given twice"),
        ("compare exports/cp.iptables nothing-here", "cannot be read"),
        ("compare exports/cp.iptables mini.yaml", "error"),
    ] {
        check(arguments, 2, wanted);
    }
    assert_eq!(run("compare --help").code, 0);
}
