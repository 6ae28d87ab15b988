//! A list of rules as an aerleon policy: it cannot read an export.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::generate::policy::Rule;

/// Writes policy and definitions into a folder.
pub fn write(rules: &[Rule], folder: &Path) -> Result<()> {
    let mut networks = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut policy = String::from("header {\n  target:: iptables FORWARD DROP\n}\n");
    for (at, rule) in rules.iter().enumerate() {
        let _ = writeln!(policy, "term r{} {{", at + 1);
        let sides = [("source", rule.source), ("destination", rule.destination)];
        for (side, network) in sides {
            if network.length > 0 {
                let next = networks.len();
                let name = networks.entry(network).or_insert(next);
                let _ = writeln!(policy, "  {side}-address:: N{name}");
            }
        }
        let sides = [("source", rule.source_ports), ("destination", rule.ports)];
        for (side, ports) in sides {
            if let Some(ports) = ports {
                let next = services.len();
                let name = services.entry((ports, rule.protocol)).or_insert(next);
                let _ = writeln!(policy, "  {side}-port:: S{name}");
            }
        }
        let action = if rule.accept { "accept" } else { "deny" };
        let _ = writeln!(
            policy,
            "  protocol:: {}\n  action:: {action}\n}}",
            rule.protocol
        );
    }
    let networks: String = networks
        .iter()
        .map(|(network, name)| format!("N{name} = {network}\n"))
        .collect();
    let services: String = services
        .iter()
        .map(|(((low, high), protocol), name)| format!("S{name} = {low}-{high}/{protocol}\n"))
        .collect();
    for sub in ["def", "out"] {
        fs::create_dir_all(folder.join(sub))
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    fs::write(folder.join("policy.pol"), policy)?;
    fs::write(folder.join("def/NETWORK.net"), networks)?;
    fs::write(folder.join("def/SERVICES.svc"), services)?;
    Ok(())
}
