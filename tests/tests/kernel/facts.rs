//! Facts of the kernel, each a case in a folder of its own: rulesets, packets, and what becomes of
//! them. The kernel and Portwright must both say what the case says.
//!
//! `case.json` holds the fact; `ruleset.iptables`, `ruleset.ip6tables`, `ruleset.nft` and
//! `ipset.save` what is loaded (iptables through both backends); `packets.jsonl` a packet a line,
//! as `trace --packets` takes it, with what is expected of each backend.

use crate::judge::Judge;
use crate::ruleset::{HOST, Language, fixtures, read, reload};
use crate::{enabled, texts};
use portwright::net::Family;
use portwright_cli::kernel::{
    Export, Fault, Kind, Observer, Probe, Rig, Seen, Watch, in_namespace, run,
};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Facts that Portwright has no certain answer for, or not yet the right one.
const OPEN: [&str; 3] = [
    "fragments-in-forward",
    "nft-transport-header",
    "zone-before-notrack",
];

/// A case as its folder holds it.
struct Case {
    name: String,
    settings: Value,
    /// Kind and text of what is loaded, but for the backend of iptables.
    files: Vec<(&'static str, String)>,
    packets: Vec<Value>,
}

/// What the kernel did with a case's packets.
struct Loaded {
    exports: Vec<Export>,
    firewall: portwright::dialect::Loaded,
    seen: Vec<Seen>,
    listing: String,
}

fn cases() -> Vec<Case> {
    let root = fixtures().join("cases");
    let folders = fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().map(|folder| case(folder)).collect()
}

fn case(folder: &Path) -> Case {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let settings = text("case.json").expect("a case says which fact it is");
    let names = [
        "ipset.save",
        "ruleset.iptables",
        "ruleset.ip6tables",
        "ruleset.nft",
    ];
    let packets = text("packets.jsonl").unwrap_or_default();
    let packets = packets
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")));
    Case {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        settings: serde_json::from_str(&settings).unwrap(),
        files: names
            .into_iter()
            .filter_map(|name| Some((name, text(name)?)))
            .collect(),
        packets: packets.collect(),
    }
}

impl Case {
    fn is(&self, key: &str) -> bool {
        self.settings[key] == Value::Bool(true)
    }

    /// Texts of a list in the settings, or of a language's list there.
    fn list(&self, key: &str, language: Option<Language>) -> impl Iterator<Item = &str> {
        let list = match (&self.settings[key], language) {
            (by_language @ Value::Object(_), Some(language)) => &by_language[language.name()],
            (list, _) => list,
        };
        let list = list.as_array().into_iter().flatten();
        list.filter_map(Value::as_str)
    }

    fn languages(&self) -> Vec<Language> {
        let native = self.files.iter().all(|(name, _)| *name == "ruleset.nft");
        let all: &[Language] = if native {
            &[Language::Nft]
        } else {
            &[Language::Legacy, Language::IptablesNft]
        };
        let wanted: Vec<&str> = self.list("languages", None).collect();
        let named = |language: &&Language| wanted.is_empty() || wanted.contains(&language.name());
        all.iter().filter(named).copied().collect()
    }

    fn exports(&self, language: Language) -> Vec<Export> {
        let one = |(name, text): &(&'static str, String)| Export {
            kind: match *name {
                "ipset.save" => Kind::Ipset,
                "ruleset.iptables" => language.kind(Family::V4),
                "ruleset.ip6tables" => language.kind(Family::V6),
                _ => Kind::Nft,
            },
            text: text.clone(),
        };
        self.files.iter().map(one).collect()
    }

    fn probes(&self) -> Vec<Probe> {
        let read = |line: &Value| {
            Probe::from_json(&line["packet"]).unwrap_or_else(|e| panic!("{}: {e}", self.name))
        };
        self.packets.iter().map(read).collect()
    }

    fn run(&self, language: Language) -> Result<Loaded, Fault> {
        in_namespace(|| {
            let mut rig = Rig::new(&HOST)?;
            if let Some(value) = self.settings["rp_filter"].as_u64() {
                for name in ["all", "eth0"] {
                    let key = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
                    fs::write(key, value.to_string()).map_err(|e| e.to_string())?;
                }
            }
            let exports = reload(&self.exports(language))?;
            let listing = run("nft", &["list", "ruleset"], "")?;
            let firewall = read(&exports)?;
            rig.watch(Watch {
                stateless: self.is("stateless"),
                mark: 0,
            })?;
            let seen = Observer::new(&exports)?.observe(&mut rig, &self.probes())?;
            Ok(Loaded {
                exports,
                firewall,
                seen,
                listing,
            })
        })
    }

    /// What is wrong, as text for people; empty when nothing is.
    fn check(&self, language: Language) -> [String; 2] {
        let refused = self.settings["refused"][language.name()].as_str();
        let loaded = match (self.run(language), refused) {
            (Err(Fault::Failed(said)), Some(why)) if said.contains(why) => {
                return Default::default();
            }
            (Ok(_), Some(why)) => return [format!("loads, expected `{why}`\n"), String::new()],
            (Err(fault), _) => return [format!("{fault}\n"), String::new()],
            (Ok(loaded), None) => loaded,
        };
        let mut kernel = self.check_texts(language, &loaded);
        for (line, seen) in self.packets.iter().zip(&loaded.seen) {
            kernel += &self.check_packet(language, line, seen);
        }
        [kernel, self.judge(language, &loaded)]
    }

    fn check_texts(&self, language: Language, loaded: &Loaded) -> String {
        let exported = texts(&loaded.exports);
        let mut wrong = String::new();
        for (key, text, expected) in [
            ("exported", &exported, true),
            ("listed", &loaded.listing, true),
            ("not_listed", &loaded.listing, false),
        ] {
            let parts = self.list(key, Some(language));
            for part in parts.filter(|part| text.contains(*part) != expected) {
                let _ = writeln!(wrong, "{key} `{part}` does not hold:\n{text}");
            }
        }
        wrong
    }

    fn check_packet(&self, language: Language, line: &Value, seen: &Seen) -> String {
        let expected = &line["expect"][language.name()];
        let mut path: Vec<String> = expected["path"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|step| Some(step.as_str()?.to_owned()))
            .collect();
        let mut found = seen.path.clone();
        // The two traces come by two ways; which was first is not known.
        if self.is("unordered") {
            path.sort();
            found.sort();
        }
        if expected["verdict"] == *seen.verdict() && path == found {
            return String::new();
        }
        format!(
            "{}: expected {expected}, the kernel says {} via {}\n",
            line["note"],
            seen.verdict(),
            seen.path.join(" > ")
        )
    }

    /// What Portwright says otherwise than the kernel.
    fn judge(&self, language: Language, loaded: &Loaded) -> String {
        let native = self.files.iter().any(|(name, _)| *name == "ruleset.nft");
        if self.settings["kernel_only"].is_string() || (native && !Language::Nft.is_read()) {
            return String::new();
        }
        let mut judge = Judge::new(&loaded.firewall.firewall, language);
        judge.certain = true;
        judge.unordered = self.is("unordered");
        let probes = self.probes();
        let judged = probes.iter().zip(&loaded.seen).zip(&self.packets);
        judged
            .filter_map(|((probe, seen), line)| {
                let fault = judge.judge(probe, seen).err()?;
                Some(format!("{}: {fault}", line["note"]))
            })
            .collect()
    }
}

#[test]
fn facts_of_the_kernel() {
    if !enabled() {
        return;
    }
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut report = String::new();
    let (mut packets, mut runs) = (0, 0);
    for case in &cases {
        let mut ours = String::new();
        for language in case.languages() {
            let [kernel, portwright] = case.check(language);
            runs += 1;
            packets += case.packets.len();
            let title = format!(
                "{} ({}, {})",
                case.name,
                language.name(),
                case.settings["fact"]
            );
            if !kernel.is_empty() {
                let _ = writeln!(report, "=== {title}: the kernel\n{kernel}");
            }
            if !portwright.is_empty() {
                let _ = writeln!(ours, "=== {title}: Portwright\n{portwright}");
            }
        }
        match (OPEN.contains(&case.name.as_str()), ours.is_empty()) {
            (false, _) => report += &ours,
            (true, false) => println!("open: {}", case.name),
            (true, true) => {
                let _ = writeln!(report, "{} is no longer open", case.name);
            }
        }
    }
    println!("{} facts, {runs} runs, {packets} packets", cases.len());
    assert!(report.is_empty(), "{report}");
}
