"""Runs the portwright program as a module on a host; see plugins/modules/agent.yml."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.portwright.probe.plugins.plugin_utils.packed import pack, unpack
from ansible_collections.portwright.probe.plugins.plugin_utils.program import VARIABLE, program


class ActionModule(ActionBase):
    """Copies the program that fits the host, starts it, takes it away, keeps what it printed."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the module's result; files named by `dest` are written on the control node."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        dest = arguments.pop("dest", None)
        if dest is not None:
            dest = os.path.abspath(os.path.expanduser(str(dest)))
            self._forget(arguments, dest)
        if "plan" in arguments:
            arguments["plan"] = self._plan(arguments["plan"])
        if arguments.get("action") in ("listen", "run"):
            arguments.setdefault("host", task_vars["inventory_hostname"])
        answer = self._call(arguments, task_vars)
        if dest is not None and not self._task.check_mode:
            self._keep(answer, dest)
        result.update(answer)
        return result

    def _forget(self, arguments: dict[str, t.Any], dest: str) -> None:
        """Remove an earlier result, so that it is not taken for this one when the host is away."""
        if arguments.get("action") != "collect" and os.path.isfile(dest) and not self._task.check_mode:
            os.unlink(dest)

    def _plan(self, plan: t.Any) -> dict[str, t.Any]:
        """Return the plan for the module: from a file on the control node, or as `control` packed it."""
        if isinstance(plan, t.Mapping):
            return dict(plan)
        path = os.path.abspath(os.path.expanduser(str(plan)))
        try:
            with open(path, "rb") as file:
                return pack(file.read())
        except OSError as error:
            raise AnsibleActionFail(
                f"the plan `{plan}` cannot be read on the control node: {error.strerror}"
            ) from error

    def _call(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the program on the host with these parameters."""
        machine = self._low_level_execute_command("uname -m", sudoable=False)
        if machine["rc"] != 0:
            # What became of a connection that ended is told by the exit code of its program.
            if machine["rc"] == 255:
                raise AnsibleConnectionFailure(machine.get("stderr") or "the connection was lost")
            raise AnsibleActionFail(f"`uname -m` failed on the host: {machine.get('stderr', '').strip()}")
        architecture = machine["stdout"].strip().splitlines()[-1].strip()
        given = task_vars.get(VARIABLE)
        local = program(architecture, self._templar.template(given) if given is not None else None)
        self._update_module_args("portwright.probe.agent", arguments, task_vars)
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        try:
            remote = self._transfer_file(local, shell.join_path(shell.tmpdir, "portwright"))
            parameters = self._send(arguments, shell.join_path(shell.tmpdir, "arguments"))
            self._fixup_perms2([shell.tmpdir, remote, parameters])
            command = shell.build_module_command(
                self._compute_environment_string(), "", remote, arg_path=parameters
            )
            ended = self._low_level_execute_command(command.strip())
        finally:
            self._remove_tmp_path(shell.tmpdir)
            shell.tmpdir = None
        return self._parse(ended)

    def _send(self, arguments: dict[str, t.Any], remote: str) -> str:
        """Write the parameters to a file on the host."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
            # Values of Ansible's own kinds become what they hold.
            json.dump(arguments, file, default=str)
            file.flush()
            return self._transfer_file(file.name, remote)

    @staticmethod
    def _parse(ended: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the object that the program printed; what a login shell prints before is skipped."""
        printed: str = ended.get("stdout", "")
        start = printed.find("{")
        try:
            answer = json.loads(printed[start:]) if start >= 0 else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            said = (ended.get("stderr") or printed).strip()
            raise AnsibleActionFail(
                f"portwright did not answer on the host (exit code {ended.get('rc')}): {said}"
            )
        return answer

    def _keep(self, answer: dict[str, t.Any], dest: str) -> None:
        """Write what the module printed to `dest`, and replace it in the answer by the path."""
        files: dict[str, str] = {}
        if "output" in answer:
            files[dest] = unpack(answer.pop("output"))
        for name, text in answer.pop("exports", {}).items():
            files[self._inside(dest, name)] = unpack(text)
        for path, text in files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        answer["files"] = sorted(files)

    @staticmethod
    def _inside(dest: str, name: str) -> str:
        """Return the path of an export; a host's answer must not name a file elsewhere."""
        path = os.path.normpath(f"{dest}.{name}")
        if not path.startswith(f"{dest}.") or ".." in name.split("/"):
            raise AnsibleActionFail(f"the host sent an export with an unusable name: {name!r}")
        return path
