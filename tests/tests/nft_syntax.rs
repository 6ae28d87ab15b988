//! nftables rulesets: both notations give one tree.

use portwright::dialect::nft;
use portwright::source::Sources;

#[test]
fn scratch() {
    let path = std::env::var("NFT_TEXT").unwrap_or_default();
    for path in path.split_whitespace() {
        let text = std::fs::read_to_string(path).unwrap();
        let mut sources = Sources::default();
        let id = sources.add(path, text.clone());
        let (ruleset, diagnostics) = nft::parse_text(&text, id);
        for d in &diagnostics {
            let at = d.labels.first().map(|l| (sources.position(l.span), sources.slice(l.span).to_string()));
            println!("{path}: {at:?} {}", d.message);
            let p = sources.position(d.labels[0].span);
            println!("    {}", sources.get(id).unwrap().line(p.line));
        }
        let rules: usize = ruleset.tables.iter().flat_map(|t| &t.chains).map(|c| c.rules.len()).sum();
        println!("{path}: detect {} tables {} rules {rules} diagnostics {}", nft::detect_text(&text), ruleset.tables.len(), diagnostics.len());
    }
}
