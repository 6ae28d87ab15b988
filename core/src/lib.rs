//! Portwright answers one question exactly: do these firewalls permit what this platform needs,
//! and nothing else?
//!
//! ```text
//!  catalogue (YAML)  ─┐
//!                     ├─► graph ─► flows ──────────────┐
//!  site / inventory  ─┘                                ├─► analysis ─► findings ─► report
//!                                                      │
//!  firewall export ─► dialect ─► firewall model ───────┘
//! ```
//!
//! Bytes in, values out: nothing here does I/O, reads a clock, an environment variable or a
//! socket. Start with [`engine`], the facade; `ARCHITECTURE.md` walks through the rooms behind it.
//!
//! ```
//! use portwright::engine::{self, Document, ExportInput, LintRequest, Outcome, Request, SiteInput};
//!
//! let document = |name: &str, text: &str| Document { name: name.into(), text: text.into() };
//! let site = "portwright: site/v1
//! clusters:
//! - name: edge
//!   hosts:
//!   - {name: cp, address: 10.0.0.1, roles: [control-plane]}
//!   - {name: w, address: 10.0.0.2, roles: [worker]}
//! ";
//! let export = "*filter
//! :INPUT DROP [0:0]
//! :OUTPUT ACCEPT [0:0]
//! -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
//! -A INPUT -p tcp --dport 2379 -j ACCEPT
//! COMMIT
//! ";
//! let answer = engine::call(&Request::Lint(LintRequest {
//!     site: SiteInput { documents: vec![document("site.yaml", site)], ..Default::default() },
//!     exports: vec![ExportInput {
//!         documents: vec![document("cp.iptables", export)],
//!         host: Some("cp".into()),
//!         ..Default::default()
//!     }],
//!     ..Default::default()
//! }));
//! let Some(Outcome::Lint(result)) = answer.result else { panic!("{:?}", answer.diagnostics) };
//! // The API server's port is forgotten, and etcd is open to everybody.
//! let codes: Vec<&str> = result.findings.iter().map(|f| f.code.as_str()).collect();
//! assert!(codes.contains(&"PW201") && codes.contains(&"PW203"));
//! ```
#![forbid(unsafe_code)]

pub mod analysis;
pub mod catalog;
pub mod diagnostic;
pub mod dialect;
pub mod emit;
pub mod engine;
pub mod firewall;
mod fnv;
pub mod graph;
pub mod net;
pub mod packet;
pub mod probe;
pub mod report;
pub mod site;
pub mod source;
pub mod yaml;
