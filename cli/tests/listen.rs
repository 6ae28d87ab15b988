//! Stubs and the observer with real packets: two hosts in network namespaces, one cable.
//!
//! Runs with `PORTWRIGHT_KERNEL=1` (as `cargo xtask test` does), as root, on Linux.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run programs, use files, sockets and clocks"
)]

#[path = "probe/namespace.rs"]
mod namespace;

use namespace::Namespace;
use portwright::probe::{Nonce, Record, Seen, SeenAt, SocketState, payload};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_portwright");
/// The listening host's addresses; the second of each family is a secondary one.
const OWN: [&str; 4] = ["10.99.0.2", "10.99.0.20", "fd99::2", "fd99::20"];

fn enabled() -> bool {
    let enabled = std::env::var("PORTWRIGHT_KERNEL").is_ok_and(|value| value == "1");
    if !enabled {
        eprintln!("NOT RUN: sockets are opened only with PORTWRIGHT_KERNEL=1 (cargo xtask test)");
    }
    enabled
}

/// Who dials, and who listens.
fn hosts() -> [Namespace; 2] {
    let [a, b] = ["a", "b"].map(Namespace::new);
    let path = b.path();
    a.ip(&format!(
        "link add eth0 type veth peer name eth0 netns {path}\n"
    ));
    a.ip("addr add 10.99.0.1/24 dev eth0\naddr add fd99::1/64 dev eth0 nodad\nlink set eth0 up\n");
    b.ip(
        "addr add 10.99.0.2/24 dev eth0\naddr add 10.99.0.20/24 dev eth0\n\
          addr add fd99::2/64 dev eth0 nodad\naddr add fd99::20/64 dev eth0 nodad\n\
          link set eth0 up\n",
    );
    // IPv6 takes its time over new links.
    a.enter(|| {
        for own in OWN {
            until("there is a network", || {
                let tried = TcpStream::connect_timeout(&at(own, 1), Duration::from_millis(200));
                tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
            });
        }
    });
    [a, b]
}

fn plan(listen: &[(u8, &str)]) -> String {
    let listen: Vec<String> = listen
        .iter()
        .map(|(protocol, ports)| {
            let ports = if ports.is_empty() {
                String::new()
            } else {
                format!(r#""ports": "{ports}", "#)
            };
            format!(r#"{{"protocol": {protocol}, {ports}"addresses": {OWN:?}}}"#)
        })
        .collect();
    format!(
        r#"{{"portwright": "probe-plan/v1", "catalog": "test", "catalog_version": "1",
        "sample": "all", "targets": [], "flows": [], "hosts": [
        {{"name": "a", "addresses": ["10.99.0.1", "fd99::1"], "roles": [], "listen": [], "dial": []}},
        {{"name": "b", "addresses": {OWN:?}, "roles": [], "listen": [{}], "dial": []}}]}}"#,
        listen.join(", ")
    )
}

/// A folder of its own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, plan: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pw-listen-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("plan.json"), plan).expect("a plan");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn records(&self) -> Vec<Record> {
        let text = fs::read_to_string(self.file("records")).expect("records");
        let read = |line| serde_json::from_str(line).expect("a record");
        text.lines().map(read).collect()
    }

    fn seen(&self) -> Vec<Seen> {
        let all = self.records().into_iter();
        all.filter_map(|record| match record {
            Record::Seen(seen) => Some(seen),
            _ => None,
        })
        .collect()
    }

    /// Starts it, waits until all is up, and gives its first line.
    fn listen(&self, host: &Namespace, more: &[&str]) -> (Child, String) {
        let mut command = Command::new(PROGRAM);
        command
            .args(["probe", "listen", &self.file("plan.json"), "-o"])
            .arg(self.file("records"))
            .args(more)
            .stdout(Stdio::piped());
        let mut child = host.spawn(&mut command);
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        (child, line)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn terminate(mut child: Child) -> i32 {
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("told");
    child.wait().expect("ends").code().expect("a code")
}

/// Waits until this is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), port)
}

/// How many of these datagrams come back from where they were sent.
fn echoes(to: SocketAddr, count: u64) -> u64 {
    let any: IpAddr = if to.is_ipv4() {
        "0.0.0.0".parse().expect("an address")
    } else {
        "::".parse().expect("an address")
    };
    let socket = UdpSocket::bind((any, 0)).expect("a socket");
    // Answers from any other address do not come through.
    socket.connect(to).expect("a route");
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("set");
    let mut came = BTreeSet::new();
    for first in (0..count).step_by(100) {
        let burst = first..count.min(first + 100);
        for number in burst.clone() {
            let body = payload(17, Some(to.port()), Nonce(number));
            socket.send(&body).expect("sent");
        }
        for _ in burst {
            let mut buffer = [0; 2000];
            let Ok(length) = socket.recv(&mut buffer) else {
                break;
            };
            came.extend(Nonce::find(17, Some(to.port()), &buffer[..length]));
        }
    }
    came.len() as u64
}

fn talk(to: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_millis(500))?;
    stream.write_all(b"pw-0123456789abcdef")?;
    let mut answer = [0; 19];
    stream.read_exact(&mut answer)?;
    Ok(answer.to_vec())
}

/// Sockets of IP in a namespace, in any state.
fn sockets(host: &Namespace) -> String {
    host.run("ss", &["-H", "-tuwan"], "")
}

#[test]
fn every_address_and_port_answers_and_nothing_is_left() {
    if !enabled() {
        return;
    }
    let [a, b] = hosts();
    let folder = Folder::new(
        "answers",
        &plan(&[(6, "22,30000-32767"), (17, "53,4789,30000-32767"), (4, "")]),
    );
    let pid_file = folder.file("pid");
    let (child, line) = folder.listen(&b, &["--pid-file", &pid_file]);
    assert!(
        line.starts_with("listening as b: 11078 answered, 2 taken, 0 failed, "),
        "{line}"
    );
    let pid = fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(pid.trim_end(), child.id().to_string());
    a.enter(|| {
        for address in OWN {
            assert_eq!(echoes(at(address, 53), 1000), 1000, "{address}");
            assert_eq!(echoes(at(address, 32767), 10), 10, "{address}");
            for port in [22, 30000, 31234] {
                let answer = talk(at(address, port));
                assert_eq!(
                    answer.expect("an answer"),
                    b"pw-0123456789abcdef",
                    "{address} {port}"
                );
            }
        }
    });
    assert_eq!(terminate(child), 0);
    assert_eq!(sockets(&b), "", "left behind");
    assert!(!fs::exists(&pid_file).expect("readable"));
    let records = folder.records();
    let stubs = records.iter().filter(
        |record| matches!(record, Record::Listening(one) if one.state == SocketState::Stub),
    );
    assert_eq!(stubs.count(), 11078);
    assert!(matches!(records.last(), Some(Record::End(end)) if end.cut_short.is_none()));
    let nonces: BTreeSet<_> = folder
        .seen()
        .into_iter()
        .filter(|seen| seen.port == Some(53) && seen.at == SeenAt::Accepted)
        .map(|seen| (seen.to, seen.nonce))
        .collect();
    assert_eq!(nonces.len(), 4000);
}

/// What has a port is told and watched: what INPUT drops is seen at the interface only.
#[test]
fn the_observer_tells_the_hosts_firewall() {
    if !enabled() {
        return;
    }
    let rules = |family: &str| {
        format!(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A INPUT -p tcp --dport 2000 -j DROP\n-A INPUT -p udp --dport 2001 -j DROP\n\
             -A INPUT -p tcp --dport 2002 -j REJECT --reject-with {family}-port-unreachable\n\
             -A INPUT -p 4 -j DROP\nCOMMIT\n"
        )
    };
    let [a, b] = hosts();
    let folder = Folder::new(
        "observer",
        &plan(&[(6, "2000,2002-2003"), (17, "2001,2004"), (4, "")]),
    );
    let held = b.enter(|| {
        let tcp = [2000, 2003].map(|port| TcpListener::bind(("::", port)).expect("bound"));
        let udp = ["0.0.0.0:2001", "10.99.0.2:2004"];
        (tcp, udp.map(|at| UdpSocket::bind(at).expect("bound")))
    });
    b.filter(&rules("icmp"), &rules("icmp6"));
    let (child, line) = folder.listen(&b, &[]);
    assert!(
        line.starts_with("listening as b: 5 answered, 8 taken"),
        "{line}"
    );
    let ports = [(6, 2000), (6, 2002), (6, 2003), (17, 2001), (17, 2004)];
    a.enter(|| {
        for address in OWN {
            for (protocol, port) in ports {
                let to = at(address, port);
                if protocol == 6 {
                    let _ = TcpStream::connect_timeout(&to, Duration::from_millis(100));
                } else {
                    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    let socket = UdpSocket::bind(any).expect("a socket");
                    let body = payload(17, Some(port), Nonce(7));
                    socket.send_to(&body, to).expect("sent");
                    // Not of the probe: nobody hears of it.
                    socket.send_to(b"something else", to).expect("sent");
                }
            }
        }
        let raw = socket2::Socket::new(
            socket2::Domain::IPV4,
            socket2::Type::RAW,
            Some(socket2::Protocol::from(4)),
        );
        let body = payload(4, None, Nonce(9));
        let to = at("10.99.0.2", 0).into();
        raw.expect("a raw socket")
            .send_to(&body, &to)
            .expect("sent");
    });
    until("all are seen", || {
        let seen = folder.seen();
        let at_interface = seen.iter().filter(|one| one.at == SeenAt::Interface);
        at_interface.count() == OWN.len() * ports.len() + 1
    });
    assert_eq!(terminate(child), 0);
    drop_all(held);
    let seen = folder.seen();
    let accepted = seen.iter().filter(|one| one.at == SeenAt::Accepted);
    let accepted: BTreeSet<_> = accepted
        .map(|one| (one.protocol, one.port, one.to))
        .collect();
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let passed = [(6, 2003), (17, 2004)];
    let expected: BTreeSet<_> = passed
        .iter()
        .flat_map(|&(protocol, port)| OWN.map(|own| (protocol, Some(port), address(own))))
        .collect();
    assert_eq!(accepted, expected);
    let taken: BTreeSet<_> = folder
        .records()
        .into_iter()
        .filter_map(|record| match record {
            Record::Listening(one) if one.port == Some(2000) => Some((one.state, one.process)),
            _ => None,
        })
        .map(|(state, process)| (state == SocketState::Taken, process))
        .collect();
    let own_name = format!("(pid {})", std::process::id());
    assert_eq!(taken.len(), 1);
    assert!(
        taken
            .iter()
            .all(|(taken, process)| *taken
                && process.as_ref().is_some_and(|p| p.ends_with(&own_name))),
        "{taken:?}"
    );
}

fn drop_all<T>(_: T) {}

#[test]
fn it_ends_by_itself() {
    if !enabled() {
        return;
    }
    let [_a, b] = hosts();
    let folder = Folder::new("ttl", &plan(&[(6, "2000")]));
    let begun = Instant::now();
    let (mut child, _) = folder.listen(&b, &["--ttl", "1s"]);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    let took = begun.elapsed().as_secs_f32();
    assert!((1.0..3.0).contains(&took), "{took}");
    let why = |record: &Record| match record {
        Record::End(end) => end.cut_short.clone(),
        _ => None,
    };
    assert_eq!(
        folder.records().last().and_then(why).as_deref(),
        Some("time to live")
    );
    assert_eq!(sockets(&b), "");
}

#[test]
fn in_the_background() {
    if !enabled() {
        return;
    }
    let [a, b] = hosts();
    let folder = Folder::new("background", &plan(&[(6, "2000"), (17, "2000")]));
    let pid_file = folder.file("pid");
    let (plan, records) = (folder.file("plan.json"), folder.file("records"));
    let start = [
        "probe",
        "listen",
        &plan,
        "--detach",
        "-o",
        &records,
        "--pid-file",
        &pid_file,
    ];
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        b.spawn(&mut command).wait_with_output().expect("ends")
    };
    let started = run(&start);
    assert_eq!(started.status.code(), Some(0), "{started:?}");
    assert!(
        started.stdout.starts_with(b"listening as b: 4 answered"),
        "{started:?}"
    );
    let second = run(&start);
    assert_eq!(second.status.code(), Some(2), "{second:?}");
    a.enter(|| {
        for address in OWN {
            assert!(talk(at(address, 2000)).is_ok(), "{address}");
        }
    });
    let stop = ["probe", "listen", "--stop", &pid_file];
    for _ in 0..2 {
        let stopped = run(&stop);
        assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
        assert_eq!(sockets(&b), "");
        assert!(!fs::exists(&pid_file).expect("readable"));
    }
    assert!(matches!(folder.records().last(), Some(Record::End(_))));
}

/// As an ordinary user with few descriptors: what is open answers, what is not is told.
#[test]
fn few_descriptors() {
    if !enabled() {
        return;
    }
    let [a, b] = hosts();
    let folder = Folder::new("few", &plan(&[(6, "2000-2099")]));
    let mut command = Command::new("sh");
    let script = r#"ulimit -n 64; exec "$0" probe listen - --host b --ttl 60s"#;
    // The target folder may be where others may not look.
    let program = folder.file("portwright");
    if fs::hard_link(PROGRAM, &program).is_err() {
        fs::copy(PROGRAM, &program).expect("the program");
    }
    let input = fs::File::open(folder.file("plan.json")).expect("a plan");
    command
        .args(["-c", script, &program])
        .uid(65534)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = b.spawn(&mut command);
    let mut said = String::new();
    let mut err = BufReader::new(child.stderr.take().expect("piped"));
    while !said.contains("listening as b: ") {
        assert!(err.read_line(&mut said).expect("text") > 0, "{said}");
    }
    assert!(said.contains("could not be opened: ipv4 tcp 20"), "{said}");
    assert!(
        said.contains("the limit of 64 open files is reached"),
        "{said}"
    );
    // More connections than there are descriptors: the oldest make room.
    let open = a.enter(|| {
        let connect = |port| TcpStream::connect_timeout(&at(OWN[0], port), Duration::from_secs(1));
        let busy: Vec<_> = (0..100).map(|_| connect(2000)).collect();
        assert!(busy.iter().all(Result::is_ok));
        (2000..2100)
            .filter(|port| talk(at(OWN[0], *port)).is_ok())
            .count()
    });
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("told");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).expect("text");
    let records = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"));
    let (mut stubs, mut failed, mut privileged) = (0, 0, None);
    for record in records {
        match record {
            Record::Listening(one) if one.state == SocketState::Stub => {
                stubs += usize::from(one.address.is_ipv4());
            }
            Record::Listening(one) => {
                assert_eq!(one.state, SocketState::Failed);
                assert!(one.why.is_some());
                failed += usize::from(one.address.is_ipv4());
            }
            Record::Start(start) => privileged = Some(start.privileged),
            _ => {}
        }
    }
    assert_eq!(
        (stubs + failed, open, privileged),
        (100, stubs, Some(false))
    );
    assert!(stubs > 5, "{stubs}");
}
