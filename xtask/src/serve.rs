//! Serves the built calculator. Vite's preview server does it, with the headers (a strict
//! Content-Security-Policy among them) that web/vite.config.ts gives it and the browser tests.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Result, bail};

use crate::shell::Shell;
use crate::web;

/// Serves web/dist until the process is interrupted.
pub fn serve(shell: &Shell, listen: SocketAddr) -> Result<()> {
    if !shell.dry_run
        && let Err(error) = TcpListener::bind(listen)
    {
        bail!(
            "cannot listen on {listen}: {error}; choose another address with `--listen 127.0.0.1:PORT`, or end the program that uses this one"
        );
    }
    println!("the calculator: http://{listen}/ (end with Ctrl-C)");
    let (host, port) = (listen.ip().to_string(), listen.port().to_string());
    let mut vite = web::node(shell);
    vite.args([
        "node_modules/vite/bin/vite.js",
        "preview",
        "--strictPort",
        "--host",
        &host,
        "--port",
        &port,
    ]);
    shell.become_program(&mut vite)
}
