"""One thing that was looked at: whether it is as a build needs it, and what was found."""

from typing import Literal, NamedTuple

State = Literal["good", "missing", "note"]
"""missing: something that is asked for does not work without it; note: worth knowing, and nothing depends on it."""


class Finding(NamedTuple):
    """`group` and `name` say what was looked at, `text` what was found, in words."""

    group: str
    name: str
    state: State
    text: str
