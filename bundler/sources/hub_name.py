"""How models of a hub are written, and what that means.

    hf:ORG/REPO                the GGUF in Q4_K_M, else in Q8_0, else the first one; without GGUF, the safetensors
    hf:ORG/REPO:QUANT          the GGUF whose name has this quantisation, in capitals or not: `q4_k_m`, `UD-Q4_K_XL`
    hf:ORG/REPO/PATH.gguf      this file; of a split one any shard, and all are taken
    hf:ORG/REPO@REVISION…      of a branch, a tag or a commit, with any of the above behind it; default: main

A `/` in a revision is written `%2F`, but in `refs/pr/3`. The rules for choosing are those of llama.cpp's `-hf`.
"""

import re
import urllib.parse
from typing import NamedTuple

from runtime.errors import UsageError

DEFAULT_REVISION = "main"
NO_QUANT = "latest"  # what other tools write for it

_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
_NAME = re.compile(
    rf"hf:(?://)?(?P<repo>{_PART}/{_PART})"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.%+-]+))?"
    r"(?::(?P<quant>[\w.-]+)|/(?P<file>[^\\]+))?",
    re.ASCII,
)


class HubName(NamedTuple):
    """What was asked for. quant and file are empty where nothing was said."""

    text: str
    repo: str
    revision: str
    quant: str
    file: str


def read(text: str) -> HubName:
    """Raises: UsageError."""
    found = _NAME.fullmatch(text)
    revision = urllib.parse.unquote(found["revision"] or DEFAULT_REVISION) if found else ""
    if not found or ".." in text or not revision.isprintable():
        raise UsageError(
            f"Reading `{text}`: that is no model of a hub; "
            f"write hf:ORG/REPO, hf:ORG/REPO:QUANT, hf:ORG/REPO/FILE.gguf or hf:ORG/REPO@REVISION."
        )
    quant = found["quant"] or ""
    return HubName(text, found["repo"], revision, "" if quant.lower() == NO_QUANT else quant, found["file"] or "")
