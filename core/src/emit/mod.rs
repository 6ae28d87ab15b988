//! Rules in a firewall's own language: one file per target.

pub mod iptables;
