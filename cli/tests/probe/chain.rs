//! plan → listen → run → report, as a user does it.

use crate::namespace::Namespace;
use crate::program::{Ended, Folder, Running, User};
use crate::truth::Probe;
use portwright::probe::{self, Plan, Record};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that is not a hang.
pub const LONG: Duration = Duration::from_secs(90);

/// Plan, stubs and results of one site.
pub struct Chain<'l> {
    pub folder: &'l Folder,
    pub plan: Plan,
    /// Stubs by host, and the files of their records.
    stubs: Vec<(&'static str, Running)>,
    /// Files of records, as `report` takes them.
    pub results: Vec<PathBuf>,
}

impl<'l> Chain<'l> {
    /// `portwright probe plan`: the catalogue and the site are files of the folder.
    pub fn plan(folder: &'l Folder, anywhere: &Namespace, catalog: &str, site: &str) -> Self {
        folder.write("catalog.yaml", catalog);
        folder.write("site.yaml", site);
        let command = folder.program(
            User::Root,
            "probe plan site.yaml --catalog catalog.yaml --sample all",
        );
        let plan = Running::start(folder, anywhere, command, "plan").end(LONG);
        assert_eq!(plan.code, Some(0), "probe plan: {}", plan.err);
        folder.write("plan.json", &plan.out);
        Self {
            folder,
            plan: serde_json::from_str(&plan.out).expect("a plan"),
            stubs: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Starts `portwright probe listen` on a host.
    pub fn listen(&mut self, host: &Namespace, user: User) {
        let name = host.name;
        let _ = fs::remove_file(self.folder.path(&format!("{name}.pid")));
        let command = self.folder.program(
            user,
            &format!(
                "probe listen plan.json --host {name} --ttl 5m -o {name}.listen --pid-file {name}.pid"
            ),
        );
        self.start(host, command);
    }

    /// The same, however it is started.
    pub fn start(&mut self, host: &Namespace, command: std::process::Command) {
        let stub = Running::start(self.folder, host, command, &format!("{}-listen", host.name));
        self.stubs.push((host.name, stub));
    }

    /// Waits until every stub is up.
    pub fn up(&mut self) {
        let until = Instant::now() + LONG;
        for (name, stub) in &mut self.stubs {
            while !self.folder.path(&format!("{name}.pid")).exists() {
                let over = stub.is_over();
                assert!(
                    !over && Instant::now() < until,
                    "the stubs of {name} do not come up: {}",
                    self.folder.read(&format!("{name}-listen.err"))
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Ends the stubs; what they saw is a result.
    pub fn down(&mut self) {
        for (name, stub) in self.stubs.drain(..) {
            stub.signal("TERM");
            stub.end(Duration::from_secs(20));
            self.results
                .push(self.folder.path(&format!("{name}.listen")));
        }
    }

    /// `portwright probe run` from all of these hosts at once; how each ended, in their order.
    pub fn run(&mut self, hosts: &[&Namespace], user: User) -> Vec<Ended> {
        let folder = self.folder;
        let ended = thread::scope(|scope| {
            let runs = hosts.iter().map(|host| {
                let name = host.name;
                let command = folder.program(
                    user,
                    &format!("probe run plan.json --from {name} -o {name}.run"),
                );
                scope.spawn(move || {
                    Running::start(folder, host, command, &format!("{name}-run")).end(LONG)
                })
            });
            let runs: Vec<_> = runs.collect();
            runs.into_iter()
                .map(|run| {
                    run.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        for host in hosts {
            self.results
                .push(folder.path(&format!("{}.run", host.name)));
        }
        ended
    }

    /// `portwright probe report` on all results.
    pub fn report(&self, anywhere: &Namespace, options: &str) -> Ended {
        let mut command = self.folder.program(User::Root, "probe report plan.json");
        command.args(&self.results);
        command.args(options.split_whitespace());
        Running::start(self.folder, anywhere, command, "report").end(LONG)
    }

    /// What a host must dial, spelt out: every source address to every target and port.
    pub fn planned(&self, host: &str) -> Vec<Probe> {
        let host = self
            .plan
            .hosts
            .iter()
            .find(|planned| planned.name == host)
            .unwrap_or_else(|| panic!("{host} is not in the plan"));
        let mut all = Vec::new();
        for dial in &host.dial {
            let flow = &self.plan.flows[dial.flow];
            let targets = &self.plan.targets[flow.to].members;
            for &from in &dial.from {
                for target in targets {
                    let to = target.address;
                    let own = target.host.as_ref() == Some(&host.name);
                    if own || from.is_ipv4() != to.is_ipv4() {
                        continue;
                    }
                    for port in ports(&flow.ports.to_string()) {
                        all.push(Probe {
                            from,
                            to,
                            protocol: flow.protocol,
                            port,
                        });
                    }
                }
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// `22,2379-2380`; one "no port" for nothing.
fn ports(text: &str) -> Vec<Option<u16>> {
    if text.is_empty() {
        return vec![None];
    }
    let number = |text: &str| text.parse::<u16>().expect("a port");
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(part)..=number(part),
    };
    text.split(',').flat_map(range).map(Some).collect()
}

/// A file of records.
pub fn records(path: &Path) -> Vec<Record> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}: {line}", path.display()))
    };
    text.lines().map(parse).collect()
}

/// What a run says of each probe; each must be there once.
pub fn probes(records: &[Record]) -> BTreeMap<Probe, &probe::Probe> {
    let mut all = BTreeMap::new();
    for record in records {
        let Record::Probe(probe) = record else {
            continue;
        };
        let key = Probe {
            from: probe.from,
            to: probe.to,
            protocol: probe.protocol,
            port: probe.port,
        };
        assert!(all.insert(key, probe).is_none(), "{key:?} is there twice");
    }
    all
}
