//! Files that are no text, no files, or too many.

use super::{check, run, run_with, temporary};

#[test]
fn files_that_are_no_text() {
    for (name, bytes, wanted) in [
        (
            "gzip.rules",
            b"\x1f\x8b\x08\x00".as_slice(),
            "is compressed (gzip)",
        ),
        ("utf16le.rules", b"\xff\xfe*\0f\0", "is UTF-16"),
        ("utf16be.rules", b"\xfe\xff\0*\0f", "is UTF-16"),
        ("zero.rules", b"*filter\0", "byte 8 is zero"),
        ("latin1.rules", b"# caf\xe9\n", "is not UTF-8 at byte 6"),
    ] {
        let path = temporary(name, bytes);
        let path = path.display();
        for arguments in [
            format!("resolve {path}"),
            format!("lint portwright.yaml --catalog mini.yaml --export cp={path}"),
            format!("trace {path} --packets ../packets.jsonl"),
            format!("catalog check {path}"),
            format!("call {path}"),
        ] {
            check(&arguments, 2, wanted);
            check(&arguments, 2, "error[PW001]");
        }
    }
}

#[test]
fn files_that_are_none() {
    check(
        "resolve exports",
        2,
        "`exports` is a directory, expected a file",
    );
    check("resolve missing.yaml", 2, "`missing.yaml` cannot be read");
    check("resolve - -", 2, "standard input `-` is given twice");
    check("resolve exports/cp.iptables", 2, "error[PW112]");
    check("resolve /dev/null", 2, "error");
}

#[test]
fn byte_order_mark() {
    let site = "\u{feff}portwright: site/v1\nclusters:\n- name: a\n  hosts:\n  - {name: cp, address: 10.0.0.1, roles: [control-plane]}\n  - {name: w, address: 10.0.0.2, roles: [worker]}\n";
    let run = run_with(
        "resolve - --catalog mini.yaml --format csv",
        site.as_bytes(),
    );
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.out.lines().count(), 2);
}

#[test]
fn too_large() {
    let path = temporary("large.rules", b"");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opens");
    // Sparse: nothing is written.
    file.set_len((256 << 20) + 1).expect("grows");
    let arguments = format!("resolve {}", path.display());
    let run = run(&arguments);
    std::fs::remove_file(&path).expect("removes");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("is larger than 256 MiB"), "{}", run.err);
}

/// A site may name itself or a file that names it: each is read once.
#[test]
fn inventories_in_a_circle() {
    let text = |other: &str| {
        format!(
            "portwright: site/v1\ninventories: [{other}]\nclusters:\n- name: {}\n  kind: worker\n",
            &other[..1]
        )
    };
    let a = temporary("a-circle.yaml", text("b-circle.yaml").as_bytes());
    temporary("b-circle.yaml", text("a-circle.yaml").as_bytes());
    check(&format!("resolve {}", a.display()), 2, "no host was found");
    let lost = temporary("lost.yaml", text("c-none.yaml").as_bytes());
    check(
        &format!("resolve {}", lost.display()),
        2,
        "c-none.yaml` cannot be read",
    );
}

/// Passwords in inventories reach neither stream, in any format.
#[test]
fn secrets_stay_inside() {
    let site = b"all:\n  hosts:\n    cp: {ansible_host: 10.0.0.1, ansible_password: hunter2hunter2}\n    w: {ansible_host: nonsense, ansible_become_pass: hunter2hunter2}\n  children:\n    kube_control_plane: {hosts: {cp: }}\n    kube_node: {hosts: {w: }}\n";
    for format in ["table", "json", "csv", "markdown", "dot", "mermaid"] {
        let run = run_with(&format!("resolve - --format {format}"), site);
        assert!(run.err.contains("<stdin>"), "{run:#?}");
        assert!(!run.out.contains("hunter2hunter2"), "{run:#?}");
        assert!(!run.err.contains("hunter2hunter2"), "{run:#?}");
    }
}
