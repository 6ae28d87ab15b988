"""Where the portwright program is, for a machine's architecture."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail

VARIABLE = "portwright_programs"
"""Variable that maps architectures, as `uname -m` prints them, to paths on the control node."""

_COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SAME = {"amd64": "x86_64", "arm64": "aarch64"}


def program(architecture: str, given: t.Any) -> str:
    """Return the path of the program for `architecture`.

    `given` is the value of the variable `portwright_programs`, or None. It goes before what the
    collection brings in `bin/`.
    """
    architecture = _SAME.get(architecture, architecture)
    if given is not None and not isinstance(given, t.Mapping):
        raise AnsibleActionFail(
            f"`{VARIABLE}` must map architectures to paths, for example {{x86_64: /opt/portwright}}"
        )
    path = (given or {}).get(architecture)
    if path is not None:
        path = os.path.abspath(os.path.expanduser(str(path)))
        if not os.path.isfile(path):
            raise AnsibleActionFail(f"`{VARIABLE}` says `{path}` for {architecture}, which is no file")
        return path
    path = os.path.join(_COLLECTION, "bin", f"portwright-{architecture}")
    if not os.path.isfile(path):
        raise AnsibleActionFail(
            f"there is no portwright for the architecture `{architecture}`: expected `{path}`. "
            f"Build it on such a machine with `cargo xtask ansible` (target/ansible/bin/), and put it "
            f"there, or name it in the variable `{VARIABLE}`"
        )
    return path
