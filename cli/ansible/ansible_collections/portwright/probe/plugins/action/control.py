"""Runs a command of portwright on the control node; see plugins/modules/control.yml."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.portwright.probe.plugins.plugin_utils.packed import pack
from ansible_collections.portwright.probe.plugins.plugin_utils.program import VARIABLE, program

ANSWERS = (0, 1, 3)
"""Exit codes that are answers: done, findings, incomplete."""

_OURS = ("probe_", "exports_", "portwright_")
_PLACES = ("ansible_host", "ansible_port", "ansible_ssh_host", "ansible_ssh_port")
_MAGIC = frozenset(
    "environment group_names groups hostvars inventory_dir inventory_file inventory_hostname "
    "inventory_hostname_short module_setup omit play_hosts playbook_dir role_name role_names "
    "role_path vars".split()
)

display = Display()


class ActionModule(ActionBase):
    """Runs the program of this collection where Ansible runs."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return exit code and output; they are findings, not failures, up to exit code 3."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        _dummy, given = self.validate_argument_spec(
            {
                "argv": {"type": "list", "elements": "str", "required": True},
                "inventory": {"type": "bool", "default": False},
                "dest": {"type": "path"},
                "show": {"type": "bool", "default": False},
            }
        )
        programs = task_vars.get(VARIABLE)
        command = [program(platform.machine(), self._templar.template(programs) if programs else None)]
        command += given["argv"]
        stdin = json.dumps(_inventory(task_vars), default=str) if given["inventory"] else ""
        ended = subprocess.run(
            command, input=stdin.encode("utf-8"), capture_output=True, check=False, timeout=3600
        )
        said = ended.stderr.decode("utf-8", "replace").strip()
        # Without `failed`, Ansible takes every exit code but 0 for a failure.
        result.update(rc=ended.returncode, cmd=command, stderr=said, changed=False, failed=False)
        if ended.returncode not in ANSWERS:
            result.update(failed=True, msg=said or f"portwright ended with {ended.returncode}")
            return result
        self._keep(result, ended.stdout, given["dest"])
        if given["show"]:
            display.display("\n".join(text for text in (result["stdout"].rstrip(), said) if text))
        return result

    def _keep(self, result: dict[str, t.Any], output: bytes, dest: str | None) -> None:
        """Write the output to `dest` if it is other than there, and put it into the result."""
        if dest is None:
            result["stdout"] = output.decode("utf-8", "replace")
            return
        result.update(stdout="", dest=dest, document=pack(output))
        try:
            with open(dest, "rb") as file:
                result["changed"] = file.read() != output
        except FileNotFoundError:
            result["changed"] = True
        except OSError as error:
            raise AnsibleActionFail(f"`{dest}` cannot be read: {error.strerror}") from error
        if result["changed"] and not self._task.check_mode:
            os.makedirs(os.path.dirname(os.path.abspath(dest)), exist_ok=True)
            with open(dest, "wb") as file:
                file.write(output)


def _inventory(task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the play's inventory as `ansible-inventory --list` prints it.

    Groups and variables are as Ansible merged and decrypted them. How to log in is left out.
    """
    groups: t.Mapping[str, list[str]] = task_vars["groups"]
    listed: dict[str, t.Any] = {
        name: {"hosts": list(hosts)} for name, hosts in groups.items() if name not in ("all", "ungrouped")
    }
    # Hosts of no group are hosts, too.
    listed["ungrouped"] = {"hosts": list(groups.get("ungrouped", []))}
    hosts = {host: _variables(host, task_vars["hostvars"][host]) for host in groups["all"]}
    return {"_meta": {"hostvars": hosts}, **listed}


def _variables(host: str, found: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    variables: dict[str, t.Any] = {}
    for name in found:
        if name in _MAGIC or name.startswith(_OURS):
            continue
        if name.startswith("ansible_") and name not in _PLACES:
            continue
        try:
            variables[name] = found[name]
        except Exception as error:  # pylint: disable=broad-except
            # Templates may need facts or role defaults that are not there in this play.
            display.warning(f"{host}: variable `{name}` is left out of the plan: {error}")
    return variables
