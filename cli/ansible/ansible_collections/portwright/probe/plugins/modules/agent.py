"""The words of ansible-doc. plugins/action/agent.py copies the static program to the host, which is the module."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent
short_description: Listen, dial and collect with portwright on a host
version_added: 0.1.0
author: The Portwright authors
description:
  - Copies the static portwright program that fits the host's architecture there, runs one action, and takes it away.
  - The host needs no Python. Nothing is installed, and no file is left.
  - The program for an architecture is C(bin/portwright-ARCHITECTURE) of this collection, or what the variable
    C(portwright_programs) names, a mapping from what C(uname -m) prints to paths on the control node.
  - Without root it works with less. Ports below 1024 may not be answered, ICMP and IP protocols may not be probed,
    and exports cannot be read; what could not be done is said, and is unknown in the report.
options:
  action:
    description:
      - V(listen) starts stubs for every planned port that nothing listens on. They live on when the task has ended,
        until V(stop) or until O(ttl) is over.
      - V(stop) ends them and returns what they saw.
      - V(run) dials what the plan says for this host.
      - V(sockets) says what listens.
      - V(collect) reads what C(iptables-save), C(ip6tables-save), C(ipset save), C(nft list ruleset), C(firewall-cmd),
        C(ip -j addr) and C(ip -j route) print, and the files of firewalld.
    type: str
    required: true
    choices: [listen, stop, run, sockets, collect]
  plan:
    description:
      - Path of the plan on the control node, or the value RV(portwright.probe.control#module:document).
      - Required for V(listen) and V(run).
    type: raw
  host:
    description:
      - The host's name in the plan.
      - For V(listen) and V(run), the inventory's name if left out.
    type: str
  ttl:
    description: How long stubs live at most, for V(listen). A number is seconds.
    type: str
    default: 10m
  options:
    description: Further options of C(portwright probe run) or C(portwright probe sockets).
    type: list
    elements: str
    default: []
  dest:
    description:
      - File on the control node for what the action printed.
      - For V(collect), the beginning of the files' names; C(exports/node1) gives C(exports/node1.iptables) and so on.
    type: path
attributes:
  check_mode:
    description: Says what it would do. Nothing is started, sent, read or written.
    support: full
"""

EXAMPLES = r"""
- name: Answer while others dial
  portwright.probe.agent:
    action: listen
    plan: plan.json
    ttl: 5m
  become: true

- name: Dial
  portwright.probe.agent:
    action: run
    plan: plan.json
    dest: "results/{{ inventory_hostname }}.run.jsonl"

- name: Read the firewall
  portwright.probe.agent:
    action: collect
    dest: "exports/{{ inventory_hostname }}"
  become: true
"""

RETURN = r"""
msg:
  description: What was done, or would be.
  returned: always
  type: str
  sample: answers on 23 ports
rc:
  description: Exit code of the command behind the action.
  returned: for run and sockets
  type: int
  sample: 0
output:
  description: What the action printed, as a text or packed; absent with O(dest).
  returned: without O(dest), for listen, stop, run and sockets
  type: raw
exports:
  description: Collected texts by name, each as a text or packed; absent with O(dest).
  returned: for collect
  type: dict
missing:
  description: What could not be collected, and why. A program that is not installed is no failure.
  returned: for collect
  type: dict
  sample: {ipset: "`ipset` is not installed"}
files:
  description: Files that were written on the control node.
  returned: with O(dest)
  type: list
  elements: str
"""
