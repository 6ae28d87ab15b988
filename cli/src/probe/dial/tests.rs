//! The whole engine against this machine's own loopback addresses.

use super::*;
use portwright::probe::{Evidence, Verdict};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;

type Key = (IpAddr, u8, Option<u16>);

fn quick() -> Settings {
    Settings {
        timeout: Duration::from_millis(300),
        confirm: Duration::from_millis(500),
        ..Settings::default()
    }
}

fn ask(to: IpAddr, protocol: u8, port: u16) -> Planned {
    Planned {
        from: to,
        to,
        protocol,
        port: Some(port),
        icmp: None,
        flow: 0,
    }
}

/// Every probe and what came of it; each has one result.
fn dialled(asks: &[Planned], settings: &Settings) -> BTreeMap<Key, Probe> {
    let mut all = BTreeMap::new();
    let own = Own::here().expect("addresses");
    let stop = AtomicBool::new(false);
    let mut each = |probe: &Probe| {
        let key = (probe.to, probe.protocol, probe.port);
        assert!(all.insert(key, probe.clone()).is_none(), "twice: {probe:?}");
    };
    let summary = dial(asks.iter().copied(), settings, &own, &stop, &mut each).expect("it runs");
    assert!(!summary.cut_short);
    assert_eq!(summary.done, asks.len() as u64);
    assert_eq!(all.len(), asks.len());
    all
}

/// The loopback addresses that this machine has.
fn loopbacks() -> Vec<IpAddr> {
    let own = Own::here().expect("addresses");
    let both = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    both.into_iter()
        .filter(|address| own.interface(*address).is_some())
        .collect()
}

/// A port that nothing has: it was taken and given back.
fn free(address: IpAddr) -> (u16, u16) {
    let tcp = TcpListener::bind((address, 0)).expect("a port");
    let udp = UdpSocket::bind((address, 0)).expect("a port");
    let port = |at: std::io::Result<std::net::SocketAddr>| at.expect("an address").port();
    (port(tcp.local_addr()), port(udp.local_addr()))
}

#[test]
fn what_listens_is_open_and_what_does_not_is_closed() {
    for address in loopbacks() {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let echo = UdpSocket::bind((address, 0)).expect("a port");
        let mute = UdpSocket::bind((address, 0)).expect("a port");
        let tcp = listener.local_addr().expect("an address").port();
        let udp = echo.local_addr().expect("an address").port();
        let silent = mute.local_addr().expect("an address").port();
        let (no_tcp, no_udp) = free(address);
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while let Ok((length, from)) = echo.recv_from(&mut bytes) {
                let _ = echo.send_to(&bytes[..length], from);
            }
        });
        let asks = [
            ask(address, 6, tcp),
            ask(address, 6, no_tcp),
            ask(address, 17, udp),
            ask(address, 17, no_udp),
            ask(address, 17, silent),
        ];
        let all = dialled(&asks, &quick());
        let verdict = |protocol, port| &all[&(address, protocol, Some(port))];
        assert_eq!(verdict(6, tcp).evidence, Evidence::Connected);
        assert_eq!(verdict(6, no_tcp).evidence, Evidence::Reset);
        assert_eq!(verdict(17, udp).evidence, Evidence::Reply { nonce: true });
        assert_eq!(verdict(17, no_udp).verdict, Verdict::Closed);
        let silence = Evidence::Silence { waited: 500 };
        assert_eq!(verdict(17, silent).evidence, silence);
        assert_eq!(verdict(17, silent).verdict, Verdict::Unknown);
    }
}

/// One at a time, slower than asked for, or all at once: the same results.
#[test]
fn no_setting_changes_a_result() {
    let Some(&address) = loopbacks().first() else {
        return;
    };
    let listeners: Vec<TcpListener> = (0..60)
        .map(|_| TcpListener::bind((address, 0)).expect("a port"))
        .collect();
    let ports = listeners
        .iter()
        .map(|one| one.local_addr().expect("an address").port());
    let asks: Vec<Planned> = ports.map(|port| ask(address, 6, port)).collect();
    for (parallel, rate, seed) in [(1, None, 1), (7, Some(500), 2), (10_000, None, 3)] {
        let settings = Settings {
            parallel,
            rate,
            seed,
            ..quick()
        };
        let all = dialled(&asks, &settings);
        assert!(
            all.values().all(|probe| probe.verdict == Verdict::Open),
            "{settings:?}"
        );
    }
}

#[test]
fn a_source_that_is_not_here_is_not_tried() {
    let foreign = Planned {
        from: IpAddr::from([192, 0, 2, 1]),
        ..ask(IpAddr::from([127, 0, 0, 1]), 6, 9)
    };
    let all = dialled(&[foreign], &quick());
    let probe = all.values().next().expect("one");
    assert_eq!(probe.verdict, Verdict::Unknown);
    assert!(
        matches!(&probe.evidence, Evidence::NotTried { why } if why.contains("192.0.2.1")),
        "{probe:?}"
    );
}

#[test]
fn a_run_that_is_stopped_says_so() {
    let own = Own::here().expect("addresses");
    let stop = AtomicBool::new(false);
    let asks = (1..=u16::MAX).map(|port| ask(IpAddr::from([127, 0, 0, 1]), 6, port));
    let mut count = 0;
    let mut each = |_: &Probe| {
        count += 1;
        stop.store(count >= 100, Ordering::Relaxed);
    };
    let summary = dial(asks, &quick(), &own, &stop, &mut each).expect("it runs");
    assert!(summary.cut_short);
    assert_eq!(summary.done, count);
    assert!((100..10_000).contains(&count), "{count}");
}

/// What cannot be kept ends the run: a full disk, a closed pipe.
#[test]
fn a_result_that_cannot_be_kept_ends_the_run() {
    struct Full;
    impl Sink for Full {
        fn probe(&mut self, _: &Probe) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let own = Own::here().expect("addresses");
    let asks = std::iter::once(ask(IpAddr::from([127, 0, 0, 1]), 6, 1));
    let ended = dial(asks, &quick(), &own, &AtomicBool::new(false), &mut Full);
    assert_eq!(
        ended.map_err(|error| error.kind()),
        Err(io::ErrorKind::StorageFull)
    );
}
