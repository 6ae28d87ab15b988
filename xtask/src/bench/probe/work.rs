//! What is measured.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::net::{Meanwhile, Net};
use super::page::{Dropped, Mesh, Million};
use super::rounds::{Runner, Took, rounds};
use crate::bench::files::Files;
use crate::bench::measure::median;
use crate::shell::Shell;

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(300);
/// Of 65,535 ports, every so manyth is open.
const EVERY: u16 = 655;
/// Flows whose packets are dropped, and how many of them are under way at a time.
const DROPPED: u32 = 30_000;
const IN_FLIGHT: u32 = 10_000;
/// Hosts of the mesh.
const HOSTS: u32 = 20;
/// Answers that are not all green, and such that nothing decides, are answers too.
const WELL: &[i32] = &[0, 1, 3];

/// Programs of ours.
pub struct Programs {
    portwright: PathBuf,
    connect: PathBuf,
}

impl Programs {
    /// Builds them.
    pub fn build(shell: &Shell) -> Result<Self> {
        let build = ["build", "--release", "-p", "portwright-cli"];
        shell.run(shell.cargo().args(build))?;
        shell.run(shell.cargo().args(build).args(["--example", "connect"]))?;
        Ok(Self {
            portwright: shell.target.join("release/portwright"),
            connect: shell.target.join("release/examples/connect"),
        })
    }
}

/// One run of everything.
pub struct Bench<'b> {
    pub shell: &'b Shell,
    pub programs: &'b Programs,
    pub files: &'b Files,
}

impl Bench<'_> {
    /// All ports of one host, a hundred of them open.
    pub fn ports(&self) -> Result<Vec<Took>> {
        let [one, other] = Net::pair(self.shell, ["10.0.0.1/24", "10.0.0.2/24"])?;
        let open: Vec<u16> = (1..=u16::MAX).step_by(usize::from(EVERY)).collect();
        let mut serve = other.command(&text(&self.programs.connect));
        serve.arg("serve").args(open.iter().map(u16::to_string));
        let mut serving = Meanwhile::start(&mut serve)?;
        thread::sleep(Duration::from_millis(500));
        serving.still()?;

        let plan = self.plan("ports", 1, "1-65535")?;
        let verdict = |port: u16| {
            if open.contains(&port) {
                "open"
            } else {
                "closed"
            }
        };
        let result = self.files.path("ports.jsonl");
        let ours = |_: &Path| wrong(&result, u64::from(u16::MAX), verdict);
        let run = |rate: &str| {
            let mut command = self.run(&one, &plan, &result);
            command.args(["--rate", rate]);
            command
        };
        let mut nmap = one.command("nmap");
        nmap.args(["-n", "-Pn", "-sT", "-T4", "-p-", "-oX", "-", "10.0.0.2"]);
        let mut connect = one.command(&text(&self.programs.connect));
        connect.args(["scan", "10.0.0.2", "1-65535", "500", "3000"]);
        let expected = open.len();
        let by_nmap = |output: &Path| {
            let found = fs::read_to_string(output)?
                .matches("state=\"open\"")
                .count();
            Ok(found.abs_diff(expected) as u64)
        };
        let by_connect = |output: &Path| {
            let well = format!("{expected} open, {} closed, 0 silent", 65_535 - expected);
            Ok(u64::from(fs::read_to_string(output)?.trim() != well))
        };
        let output = |name: &str| self.files.path(&format!("ports-{name}.out"));
        let took = rounds(
            vec![
                Runner {
                    who: "portwright probe run",
                    command: run("0"),
                    output: output("portwright"),
                    well: WELL,
                    judge: &ours,
                },
                Runner {
                    who: "nmap -sT -T4 -p-",
                    command: nmap,
                    output: output("nmap"),
                    well: &[0],
                    judge: &by_nmap,
                },
                Runner {
                    who: "connect and epoll, nothing else",
                    command: connect,
                    output: output("connect"),
                    well: &[0],
                    judge: &by_connect,
                },
            ],
            LIMIT,
        )?;
        serving.end()?;
        Ok(took)
    }

    /// Flows that all are dropped.
    pub fn dropped(&self) -> Result<Dropped> {
        let [one, other] = Net::pair(self.shell, ["10.0.0.1/24", "10.0.0.2/24"])?;
        other.run("iptables", &["-P", "INPUT", "DROP"])?;
        let plan = self.plan("dropped", 1, &format!("1-{DROPPED}"))?;
        let result = self.files.path("dropped.jsonl");
        let judge = |_: &Path| wrong(&result, u64::from(DROPPED), |_| "dropped");
        let mut command = self.run(&one, &plan, &result);
        command.args(["--rate", "0", "--parallel", &IN_FLIGHT.to_string()]);
        let mut took = rounds(
            vec![Runner {
                who: "portwright probe run",
                command,
                output: self.files.path("dropped.out"),
                well: WELL,
                judge: &judge,
            }],
            LIMIT,
        )?;
        Ok(Dropped {
            flows: DROPPED,
            in_flight: IN_FLIGHT,
            took: took.pop().context("it was run")?,
        })
    }

    /// Every host dials every other, all at once.
    pub fn mesh(&self) -> Result<Mesh> {
        let switch = Net::new(self.shell, "switch")?;
        switch.ip("link add br0 type bridge\nlink set br0 up\n")?;
        let mut hosts = Vec::new();
        for number in 0..HOSTS {
            let host = Net::new(self.shell, &format!("h{number}"))?;
            host.cable("eth0", &switch, &format!("h{number}"))?;
            let address = crate::bench::generate::address(number);
            host.ip(&format!(
                "addr add {address}/24 dev eth0\nlink set eth0 up\n"
            ))?;
            switch.ip(&format!("link set h{number} master br0 up\n"))?;
            hosts.push(host);
        }
        let site = self.files.site(HOSTS)?;
        let plan = self.files.path("mesh-plan.json");
        let portwright = text(&self.programs.portwright);
        let mut make = self.shell.command(&portwright);
        make.args(["probe", "plan", &text(&site), "-o", &text(&plan)]);
        self.shell.run(&mut make)?;

        let mut stubs = Vec::new();
        let pid_files: Vec<_> = (0..HOSTS)
            .map(|number| self.files.path(&format!("mesh-h{number}.pid")))
            .collect();
        for ((number, host), pid_file) in (0..HOSTS).zip(&hosts).zip(&pid_files) {
            let _ = fs::remove_file(pid_file);
            let records = self.files.path(&format!("mesh-h{number}.listen"));
            let mut listen = host.command(&portwright);
            listen.args(["probe", "listen", &text(&plan), "--ttl", "30m", "--host"]);
            listen.args([&format!("h{number}"), "-o", &text(&records)]);
            listen.args(["--pid-file", &text(pid_file)]);
            stubs.push(Meanwhile::start(&mut listen)?);
        }
        wait_for(&pid_files)?;

        let mut times = Vec::new();
        for _ in 0..5 {
            let started = Instant::now();
            self.everyone_dials(&hosts, &plan)?;
            times.push(started.elapsed());
            eprintln!("… mesh: {:.2} s", started.elapsed().as_secs_f64());
        }
        for stub in stubs {
            stub.end()?;
        }
        let (probes, open) = self.reported(&plan)?;
        Ok(Mesh {
            hosts: HOSTS,
            probes,
            open,
            time: median(&mut times),
        })
    }

    /// What the report says of the mesh, which knows what observers saw: probes, and how many of
    /// them are open.
    fn reported(&self, plan: &Path) -> Result<(u64, u64)> {
        let mut report = self.shell.command(&self.programs.portwright);
        report.args(["probe", "report", "--format", "json", &text(plan)]);
        for number in 0..HOSTS {
            for end in ["jsonl", "listen"] {
                report.arg(self.files.path(&format!("mesh-h{number}.{end}")));
            }
        }
        let answer: Value = serde_json::from_slice(&report.output()?.stdout)?;
        let count = |what: &str| {
            let count = answer.pointer(&format!("/result/summary/probes/{what}"));
            count
                .and_then(Value::as_u64)
                .context("a report without counts")
        };
        Ok((count("planned")?, count("open")?))
    }

    fn everyone_dials(&self, hosts: &[Net<'_>], plan: &Path) -> Result<()> {
        let mut runs = Vec::new();
        for (number, host) in hosts.iter().enumerate() {
            let name = format!("h{number}");
            let result = self.files.path(&format!("mesh-{name}.jsonl"));
            let mut command = host.command(&text(&self.programs.portwright));
            command.args(["probe", "run", &text(plan), "--from", &name]);
            command.args(["-o", &text(&result)]);
            runs.push(command.spawn()?);
        }
        for mut run in runs {
            let status = run.wait()?;
            let code = status.code();
            ensure!(
                code.is_some_and(|code| WELL.contains(&code)),
                "probe run: {status}"
            );
        }
        Ok(())
    }

    /// A million flows that end at once: what is held of them?
    pub fn million(&self) -> Result<Vec<Million>> {
        let net = Net::new(self.shell, "one")?;
        net.ip("addr add 10.0.0.1/32 dev lo\nroute add unreachable 10.0.0.0/8\n")?;
        let plan = self.plan("million", 1000, "1-1000")?;
        let result = self.files.path("million.jsonl");
        let portwright = text(&self.programs.portwright);
        let all: u32 = 1_000_000;
        let judge = |_: &Path| wrong(&result, u64::from(all), |_| "blocked-locally");
        let mut run = self.run(&net, &plan, &result);
        run.args(["--rate", "0"]);
        let [site, catalog] = self.site("million", 1000, "1-1000")?;
        let mut make = net.command(&portwright);
        make.args(["probe", "plan", &text(&site), "--catalog", &text(&catalog)]);
        make.args(["--sample", "all"]);
        let mut report = net.command(&portwright);
        report.args(["probe", "report", &text(&plan), &text(&result)]);
        let nothing = |_: &Path| Ok(0);
        let mut rows = Vec::new();
        for (who, command, judge) in [
            (
                "probe plan",
                make,
                &nothing as &dyn Fn(&Path) -> Result<u64>,
            ),
            ("probe run", run, &judge),
            ("probe report", report, &nothing),
        ] {
            let output = self.files.path("million.out");
            let runner = Runner {
                who,
                command,
                output,
                well: WELL,
                judge,
            };
            rows.extend(rounds(vec![runner], LIMIT)?);
        }
        Ok(rows
            .into_iter()
            .map(|took| Million { flows: all, took })
            .collect())
    }

    /// `portwright probe run` from the only host that dials.
    fn run(&self, inside: &Net<'_>, plan: &Path, result: &Path) -> std::process::Command {
        let mut command = inside.command(&text(&self.programs.portwright));
        command.args(["probe", "run", &text(plan), "--from", "source"]);
        command.args(["-o", &text(result)]);
        command
    }

    /// A plan in which one host dials ports of others.
    fn plan(&self, name: &str, targets: u32, ports: &str) -> Result<PathBuf> {
        let [site, catalog] = self.site(name, targets, ports)?;
        let plan = self.files.path(&format!("{name}-plan.json"));
        let mut command = self.shell.command(&self.programs.portwright);
        command.args(["probe", "plan", &text(&site), "--catalog", &text(&catalog)]);
        command.args(["--sample", "all", "-o", &text(&plan)]);
        self.shell.run(&mut command)?;
        Ok(plan)
    }

    /// Its site and its catalogue.
    fn site(&self, name: &str, targets: u32, ports: &str) -> Result<[PathBuf; 2]> {
        let mut site = String::from(
            "portwright: site/v1\ncatalog: bench\nhosts:\n\
             - {name: source, address: 10.0.0.1, roles: source}\n",
        );
        for number in 1..=targets {
            let address = crate::bench::generate::address(number);
            let _ = writeln!(
                site,
                "- {{name: t{number}, address: {address}, roles: target}}"
            );
        }
        let catalog = format!(
            "catalog: bench\nversion: \"1\"\ntitle: {{en: Bench, zh: 基准}}\nroles:\n\
             - {{id: source, kind: host, title: {{en: Source, zh: 源}}}}\n\
             - {{id: target, kind: host, title: {{en: Target, zh: 目标}}}}\n\
             requirements:\n\
             - {{id: bench.ports, title: {{en: Ports, zh: 端口}}, from: source, to: target, \
             scope: any-cluster, protocol: tcp, ports: \"{ports}\", citation: {{document: Bench}}}}\n"
        );
        Ok([
            self.files.write(&format!("{name}-site.yaml"), &site)?,
            self.files
                .write(&format!("{name}-catalog.yaml"), &catalog)?,
        ])
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn wait_for(files: &[PathBuf]) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    while let Some(missing) = files.iter().find(|file| !file.exists()) {
        if Instant::now() > until {
            bail!("the stubs did not come up: no `{}`", missing.display());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Calls something with each probe of a result.
fn probes(result: &Path, mut each: impl FnMut(&Value)) -> Result<()> {
    let text = fs::read_to_string(result)
        .with_context(|| format!("cannot read `{}`", result.display()))?;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line)?;
        if record.get("record").and_then(Value::as_str) == Some("probe") {
            each(&record);
        }
    }
    Ok(())
}

/// How many probes of a result do not say what is there, or are not there.
fn wrong(result: &Path, expected: u64, verdict: impl Fn(u16) -> &'static str) -> Result<u64> {
    let (mut count, mut wrong) = (0, 0);
    probes(result, |probe| {
        let port = probe.get("port").and_then(Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok());
        let said = probe.get("verdict").and_then(Value::as_str);
        count += 1;
        wrong += u64::from(port.is_none_or(|port| said != Some(verdict(port))));
    })?;
    Ok(wrong + expected.abs_diff(count))
}
