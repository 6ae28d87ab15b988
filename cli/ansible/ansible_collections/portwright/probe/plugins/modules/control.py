"""The words of ansible-doc. plugins/action/control.py does the work, on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: control
short_description: Run a portwright command on the control node
version_added: 0.1.0
author: The Portwright authors
description:
  - Runs the program of this collection where Ansible runs, without a connection. It plans, lints and reports.
  - Exit codes 1 (findings) and 3 (something is unknown) are answers, not failures.
options:
  argv:
    description: The command and its arguments, as in C(portwright lint -).
    type: list
    elements: str
    required: true
  inventory:
    description:
      - Give the play's inventory on standard input, as C(ansible-inventory --list) prints it, with groups and
        variables as Ansible merged and decrypted them, and without what says how to log in. An argument V(-) reads it.
    type: bool
    default: false
  dest:
    description: File on the control node for what the command prints.
    type: path
  show:
    description: Whether to show what the command prints.
    type: bool
    default: false
attributes:
  check_mode:
    description: The command runs, because it changes nothing; O(dest) is not written.
    support: full
"""

EXAMPLES = r"""
- name: Plan
  portwright.probe.control:
    argv: [probe, plan, "-"]
    inventory: true
    dest: plan.json
  run_once: true

- name: Lint
  portwright.probe.control:
    argv: [lint, "-", --export, node1=exports/node1.iptables]
    inventory: true
    show: true
  run_once: true
"""

RETURN = r"""
rc:
  description: Exit code.
  returned: always
  type: int
  sample: 0
stdout:
  description: What the command printed; empty with O(dest).
  returned: when it gave an answer
  type: str
stderr:
  description: What it said beside that.
  returned: always
  type: str
document:
  description: What it printed, packed, for the module M(portwright.probe.agent).
  returned: with O(dest)
  type: dict
"""
