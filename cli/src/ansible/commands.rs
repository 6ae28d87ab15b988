//! Actions that are one command of this program.

use super::answer::Answer;
use super::packed::Packed;
use portwright::engine::{self, Document};
use portwright::probe::{Plan, PlanHost};
use portwright::report;
use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};
use std::thread;

/// This program, also when its file was deleted since.
pub(super) const SELF: &str = "/proc/self/exe";

/// `probe run`: dials what the plan says.
pub(super) fn run(
    plan: &Packed,
    host: &str,
    options: &[String],
    dry: bool,
) -> Result<Answer, String> {
    let text = plan.text()?;
    let plan = parse(&text)?;
    let probes = plan.count(part_of(&plan, host)?);
    if dry {
        let msg = format!("would send {probes} probes from `{host}`");
        return Ok(Answer::done(false, msg));
    }
    let mut arguments = vec!["probe", "run", "-", "--json", "--from", host];
    arguments.extend(options.iter().map(String::as_str));
    let output = start(&arguments, &text)?;
    answer(output, format!("sent {probes} probes from `{host}`"))
}

/// `probe sockets`: what listens here. It only reads.
pub(super) fn sockets(options: &[String], dry: bool) -> Result<Answer, String> {
    if dry {
        return Ok(Answer::done(false, "would read what listens"));
    }
    let mut arguments = vec!["probe", "sockets"];
    arguments.extend(options.iter().map(String::as_str));
    answer(start(&arguments, "")?, "read what listens".into())
}

/// A plan's document.
pub(super) fn parse(text: &str) -> Result<Plan, String> {
    let document = Document {
        name: "plan".into(),
        text: text.into(),
    };
    engine::read_plan(&document).map_err(|problems| report::diagnostics(&problems, false))
}

/// A host's part of a plan.
pub(super) fn part_of<'a>(plan: &'a Plan, host: &str) -> Result<&'a PlanHost, String> {
    plan.host(host).ok_or_else(|| {
        let names = plan.hosts.iter().take(10).map(|host| host.name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        format!(
            "the plan has no host `{host}`, expected one of {names}: hosts have the same names in \
             the plan and in the inventory"
        )
    })
}

/// What a command's end means. Exit codes 0, 1 and 3 are answers.
fn answer(output: Output, msg: String) -> Result<Answer, String> {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let code = output.status.code();
    if !matches!(code, Some(0 | 1 | 3)) {
        return Err(if said.is_empty() {
            format!("the command ended with {}", output.status)
        } else {
            said
        });
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| "the command's output is not UTF-8".to_owned())?;
    Ok(Answer {
        warnings: said.lines().map(str::to_owned).collect(),
        rc: code,
        output: Some(Packed::new(text)),
        ..Answer::done(false, msg)
    })
}

fn start(arguments: &[&str], input: &str) -> Result<Output, String> {
    let failed = |error: io::Error| format!("portwright cannot start itself: {error}");
    let mut child = Command::new(SELF)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // A command that has seen enough closes its input; how it ended says the rest.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })
    .map_err(failed)
}
