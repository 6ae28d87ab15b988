//! One page that needs nothing else: counts, what is the matter, the heat map, every flow.

use super::{counts, place, reasons, service, severity, summary, svg, verdict};
use crate::engine::{ProbeFinding, ProbeReportResult};
use crate::report::xml::escape;

const STYLE: &str = "\
:root{color-scheme:light}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#1b1b1b;background:#fff}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border:1px solid #bbb;padding:.35rem .6rem;text-align:left;vertical-align:top}\
th{background:#f1f1f1}td small,li small{color:#555}.error{border-left:.5rem solid #c62828}.warning{border-left:.5rem solid #f9a825}.note{border-left:.5rem solid #5e8fc7}\
.map{overflow-x:auto}code{font:13px ui-monospace,monospace}";

pub(super) fn report(result: &ProbeReportResult) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>Live probes</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Live probes</h1>\n<p>{} {}, plan <code>{}</code>, ranges of ports: {}</p>\n<ul>\n",
        escape(&result.catalog),
        escape(&result.catalog_version),
        escape(&result.plan),
        escape(&result.sample)
    );
    for line in summary(result) {
        out.push_str(&format!("<li>{}</li>\n", escape(&line)));
    }
    out.push_str("</ul>\n<h2>What is the matter</h2>\n");
    if result.findings.is_empty() {
        out.push_str("<p>Nothing: everything that was planned is open.</p>\n");
    } else {
        out.push_str("<table>\n<thead><tr><th scope=\"col\">severity</th><th scope=\"col\">what, and what was seen</th><th scope=\"col\">what to do</th><th scope=\"col\">required for</th></tr></thead>\n<tbody>\n");
        for one in &result.findings {
            finding(&mut out, one);
        }
        out.push_str("</tbody>\n</table>\n");
    }
    out.push_str("<h2>Source by target and service</h2>\n<div class=\"map\">\n");
    out.push_str(&svg::report(result));
    out.push_str("</div>\n<h2>Flows</h2>\n<table>\n<thead><tr><th scope=\"col\">verdict</th><th scope=\"col\">from</th><th scope=\"col\">to</th><th scope=\"col\">service</th><th scope=\"col\">probes</th><th scope=\"col\">required for</th></tr></thead>\n<tbody>\n");
    for flow in &result.flows {
        let because: Vec<String> = flow
            .because
            .iter()
            .map(|reason| escape(&reason.title))
            .collect();
        let mut service = escape(&service(flow));
        if flow.sampled_from.is_some() {
            service.push_str(&format!(
                "<br><small>{} dialled</small>",
                escape(&flow.service)
            ));
        }
        let mut probes = escape(&counts(&flow.probes));
        for why in &flow.untested {
            probes.push_str(&format!("<br><small>{}</small>", escape(why)));
        }
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{service}</td><td>{probes}</td><td>{}</td></tr>\n",
            verdict(flow.verdict),
            escape(&flow.from),
            escape(&flow.to),
            because.join("<br>")
        ));
    }
    out.push_str("</tbody>\n</table>\n</body>\n</html>\n");
    out
}

fn finding(out: &mut String, one: &ProbeFinding) {
    let mut seen = String::new();
    if let Some(example) = &one.example {
        seen = format!(
            "<br><small><code>{}</code>: {}</small>",
            escape(example),
            escape(&one.reason)
        );
    }
    if let Some(place) = place(one) {
        seen.push_str(&format!(
            "<br><small><code>{}</code></small>",
            escape(&place)
        ));
    }
    if one.from.len() > 3 {
        seen.push_str(&format!(
            "<br><small>from {}</small>",
            escape(&one.from.join(", "))
        ));
    }
    if one.to.len() > 3 {
        seen.push_str(&format!(
            "<br><small>to {}</small>",
            escape(&one.to.join(", "))
        ));
    }
    let because: Vec<String> = reasons(one).iter().map(|reason| escape(reason)).collect();
    out.push_str(&format!(
        "<tr class=\"{}\"><td>{0}<br><small>{} {}</small></td><td>{}{seen}</td><td>{}</td><td>{}</td></tr>\n",
        severity(one.severity),
        escape(&one.code),
        escape(&one.name),
        escape(&one.message),
        escape(&one.fix),
        because.join("<br>")
    ));
}
