//! Portwright's answers beside those of the live kernel.

use crate::commands::prove::Backend;
use crate::exit::Exit;
use crate::input::{Stop, stop};
use portwright::engine::{
    self, DependsOn, Document, FindingData, Outcome, PacketInput, Request, TraceRequest,
    TracedPacket,
};
use portwright_cli::kernel::{Fault, available};
use serde_json::json;
use std::fmt::Write as _;

/// What is to be proved.
pub struct Question {
    /// Exports of one system.
    pub documents: Vec<Document>,
    /// Their format, when detection should not decide.
    pub dialect: Option<String>,
    /// What `ip -j addr` prints on the host.
    pub addresses: Option<Document>,
    /// What `ip -j route show table all` prints there.
    pub routes: Option<Document>,
    /// Which implementation of iptables loads rules; none to let the export's header decide.
    pub backend: Option<Backend>,
    /// The packets, and what each is called in the answer.
    pub packets: Vec<(String, PacketInput)>,
}

/// Both answers to all packets.
pub struct Proof {
    packets: Vec<Compared>,
}

/// Both answers to one packet.
struct Compared {
    label: String,
    kernel: Result<Answered, String>,
    portwright: Answered,
    /// What Portwright's way depends on, where only its verdict is certain.
    open: Vec<DependsOn>,
}

/// A verdict and what ended each base chain.
struct Answered {
    verdict: String,
    path: Vec<String>,
}

/// How two answers stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Agreed,
    Disagreed,
    /// Portwright has no certain answer.
    Unknown,
    /// The packet could not be sent.
    Impossible,
}

/// Gets the right to make namespaces. Call it before anything else: no thread may have started.
pub fn begin() -> Result<(), Stop> {
    available().map_err(|fault| told(&fault))?;
    #[cfg(target_os = "linux")]
    portwright_cli::kernel::become_root().map_err(|fault| told(&fault))?;
    Ok(())
}

fn told(fault: &Fault) -> Stop {
    match fault {
        Fault::Impossible { why, help } => stop(
            format!("the kernel cannot be asked here: {why}"),
            help.as_str(),
        ),
        Fault::Failed(message) => stop(
            format!("the kernel could not be asked: {message}"),
            "if it refuses the export, the export is not what this kernel's tools wrote",
        ),
    }
}

/// The packets of findings that have one, numbered as in the list of findings.
pub fn witnesses(
    findings: &[FindingData],
    first: usize,
) -> Result<Vec<(String, PacketInput)>, Stop> {
    let mut packets = Vec::new();
    for (number, finding) in (first..).zip(findings) {
        let Some(witness) = &finding.witness else {
            continue;
        };
        let input = engine::parse_packet(&witness.packet).map_err(|problem| stop(problem, ""))?;
        let title = format!("{number} {} {}", finding.code, finding.name);
        packets.push((format!("{title}: {}", witness.packet), input));
    }
    Ok(packets)
}

/// Asks both.
pub fn prove(question: &Question) -> Result<Proof, Stop> {
    let kernel = ask_kernel(question)?;
    let portwright = ask_engine(question)?;
    let compared = question.packets.iter().zip(kernel).zip(portwright);
    Ok(Proof {
        packets: compared
            .map(|(((label, _), kernel), traced)| Compared {
                label: label.clone(),
                kernel,
                portwright: Answered {
                    verdict: traced.verdict,
                    path: traced.path,
                },
                open: traced.path_depends_on,
            })
            .collect(),
    })
}

#[cfg(not(target_os = "linux"))]
fn ask_kernel(_: &Question) -> Result<Vec<Result<Answered, String>>, Stop> {
    available().map_err(|fault| told(&fault))?;
    Ok(Vec::new())
}

#[cfg(target_os = "linux")]
fn ask_kernel(question: &Question) -> Result<Vec<Result<Answered, String>>, Stop> {
    use portwright_cli::kernel::{Host, Probe, detect, replay};
    let backend = question.backend.map(|backend| match backend {
        Backend::Legacy => portwright_cli::kernel::Backend::Legacy,
        Backend::Nft => portwright_cli::kernel::Backend::Nft,
    });
    let mut exports = Vec::new();
    for document in &question.documents {
        let found = detect(&document.name, &document.text, backend);
        exports.extend(found.map_err(|problem| stop(problem, "give the whole export"))?);
    }
    let text =
        |document: &Option<Document>| document.as_ref().map_or(String::new(), |d| d.text.clone());
    let host = if question.addresses.is_some() || question.routes.is_some() {
        let read = Host::from_ip(&text(&question.addresses), &text(&question.routes));
        Some(read.map_err(|problem| stop(problem, "give the output of these commands"))?)
    } else {
        None
    };
    let probes: Result<Vec<Probe>, String> = question
        .packets
        .iter()
        .map(|(_, input)| Probe::from_input(input))
        .collect();
    let probes =
        probes.map_err(|problem| stop(problem, "`portwright schema packet` describes packets"))?;
    let seen = replay(&exports, host.as_ref(), &probes).map_err(|fault| told(&fault))?;
    let answers = seen.into_iter().map(|seen| {
        let seen = seen?;
        Ok(Answered {
            verdict: seen.verdict().to_owned(),
            path: seen.path,
        })
    });
    Ok(answers.collect())
}

/// Asks the engine, as `trace --packets` does.
fn ask_engine(question: &Question) -> Result<Vec<TracedPacket>, Stop> {
    let lines = question.packets.iter().map(|(_, input)| {
        let mut line = serde_json::to_string(input).unwrap_or_default();
        line.push('\n');
        line
    });
    let packets = Document {
        name: "packets".into(),
        text: lines.collect(),
    };
    let answer = engine::call(&Request::Trace(TraceRequest {
        documents: question.documents.clone(),
        dialect: question.dialect.clone(),
        addresses: question.addresses.clone(),
        routes: question.routes.clone(),
        packet: None,
        packets: Some(packets),
    }));
    crate::output::diagnostics(&answer.diagnostics);
    match answer.result {
        Some(Outcome::Trace(result)) => Ok(result.packets),
        _ => Err(Vec::new()),
    }
}

impl Compared {
    fn agreement(&self) -> Agreement {
        match &self.kernel {
            Err(_) => Agreement::Impossible,
            Ok(_) if self.portwright.verdict == "unknown" => Agreement::Unknown,
            Ok(kernel)
                if kernel.verdict == self.portwright.verdict
                    && (kernel.path == self.portwright.path || !self.open.is_empty()) =>
            {
                Agreement::Agreed
            }
            Ok(_) => Agreement::Disagreed,
        }
    }
}

impl Agreement {
    fn name(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Disagreed => "disagreed",
            Self::Unknown => "unknown",
            Self::Impossible => "impossible",
        }
    }
}

impl Proof {
    fn count(&self, wanted: Agreement) -> usize {
        let same = |one: &&Compared| one.agreement() == wanted;
        self.packets.iter().filter(same).count()
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for one in &self.packets {
            let _ = writeln!(text, "{}: {}", one.agreement().name(), one.label);
            let _ = match &one.kernel {
                Ok(kernel) if kernel.verdict == "lost" => writeln!(
                    text,
                    "  kernel      no rule decided: routing refused it, or it waits for other fragments{}",
                    way(&kernel.path)
                ),
                Ok(kernel) => {
                    writeln!(
                        text,
                        "  kernel      {}{}",
                        kernel.verdict,
                        way(&kernel.path)
                    )
                }
                Err(why) => writeln!(text, "  kernel      {why}"),
            };
            let ours = &one.portwright;
            let _ = writeln!(text, "  portwright  {}{}", ours.verdict, way(&ours.path));
            for one_line in &one.open {
                let _ = writeln!(
                    text,
                    "  its way depends on line {}: {}",
                    one_line.line, one_line.why
                );
            }
        }
        let _ = writeln!(
            text,
            "the kernel agrees about {} of {} packets{}",
            self.count(Agreement::Agreed),
            self.packets.len(),
            self.rest()
        );
        text
    }

    /// What is neither agreed, in words.
    fn rest(&self) -> String {
        let mut text = String::new();
        for (kind, what) in [
            (Agreement::Disagreed, "disagrees about"),
            (Agreement::Unknown, "alone is certain about"),
            (Agreement::Impossible, "could not be asked about"),
        ] {
            let count = self.count(kind);
            if count > 0 {
                let _ = write!(text, ", {what} {count}");
            }
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let answered = |one: &Answered| json!({ "verdict": one.verdict, "path": one.path });
        let packets: Vec<_> = self
            .packets
            .iter()
            .map(|one| {
                let kernel = match &one.kernel {
                    Ok(kernel) => answered(kernel),
                    Err(why) => json!({ "error": why }),
                };
                json!({
                    "packet": one.label,
                    "agreement": one.agreement().name(),
                    "kernel": kernel,
                    "portwright": answered(&one.portwright),
                })
            })
            .collect();
        let whole = json!({
            "agreed": self.count(Agreement::Agreed),
            "disagreed": self.count(Agreement::Disagreed),
            "unknown": self.count(Agreement::Unknown),
            "impossible": self.count(Agreement::Impossible),
            "packets": packets,
        });
        format!("{whole:#}\n")
    }

    /// A disagreement wins over what could not be asked, and that over what is unknown.
    pub fn exit(&self) -> Exit {
        if self.count(Agreement::Disagreed) > 0 {
            Exit::Findings
        } else if self.count(Agreement::Impossible) > 0 {
            Exit::Unusable
        } else if self.count(Agreement::Unknown) > 0 {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}

fn way(path: &[String]) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" via {}", path.join(" > "))
    }
}
