//! `portwright`: proves which required network flows your firewalls permit.

use std::io::Read as _;

fn main() -> anyhow::Result<()> {
    let mut request = String::new();
    std::io::stdin().read_to_string(&mut request)?;
    print!("{}", portwright::engine::call_json(&request));
    Ok(())
}
