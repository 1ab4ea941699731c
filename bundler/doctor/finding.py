"""What was looked at, and what was found: things that a build needs, and the targets it may be for."""

from typing import Literal, NamedTuple

State = Literal["good", "missing", "note"]
"""missing: something that is asked for does not work without it; note: worth knowing, and nothing depends on it."""


class Finding(NamedTuple):
    """One thing: `group` and `name` say what was looked at, `text` what was found, in words."""

    group: str
    name: str
    state: State
    text: str


Can = Literal["cached", "makes", "imports", "cannot"]
"""imports: an image that another computer has made would be taken."""


class Target(NamedTuple):
    """One target; `why` in words."""

    name: str
    can: Can
    why: str

    @property
    def finding(self) -> Finding:
        """For the report."""
        state: State = "good" if self.can in ("cached", "makes") else "note"
        return Finding("targets", self.name, state, self.why)
