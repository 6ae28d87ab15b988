"""Large texts inside JSON: compressed with gzip, then base64."""

from __future__ import annotations

import base64
import gzip
import typing as t


def pack(text: bytes) -> dict[str, str]:
    """Return `text` as the module reads it."""
    return {"gzip": base64.b64encode(gzip.compress(text, mtime=0)).decode("ascii")}


def unpack(packed: t.Any) -> str:
    """Return the text of what the module printed: as it is, or packed."""
    if isinstance(packed, t.Mapping):
        return gzip.decompress(base64.b64decode(packed["gzip"])).decode("utf-8")
    return str(packed)
