"""The differences from llama-server that we want, read from deviations.toml; docs/API.md lists them, too."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.differential.outline import Outline, differences

FILE = Path(__file__).with_name("deviations.toml")


@dataclass(frozen=True)
class Answered:
    """Requests that we answer with another status or error than llama-server, and why.

    requests: by name, our status with its error and theirs.
    """

    reason: str
    requests: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Shaped:
    """Answers of which a part has another form, and why.

    requests: how their names begin. ours, theirs: the fields that only one of both has, by how they begin or end.
    """

    reason: str
    requests: Sequence[str]
    ours: Sequence[str]
    theirs: Sequence[str]

    def covers(self, name: str, field: str, *, is_ours: bool) -> bool:
        """Whether `field` of the answer to the request `name` is meant."""
        parts = self.ours if is_ours else self.theirs
        return name.startswith(tuple(self.requests)) and any(_is_part(part, field) for part in parts)


@dataclass(frozen=True)
class Deviations:
    """All of them."""

    answered: Sequence[Answered]
    shaped: Sequence[Shaped]

    def unlisted(self, name: str, ours: Outline, theirs: Outline) -> list[str]:
        """Return in a sentence each what differs between the answers to the request `name` and is not listed."""
        listed = [one.requests[name] for one in self.answered if name in one.requests]
        if (ours.head, theirs.head) in listed:
            return []
        if listed or ours.head != theirs.head:
            return [f"we answer {ours.head}, llama-server {theirs.head}, listed is {listed or 'nothing'}"]
        return [
            f"only {'ours' if is_ours else 'theirs'}: {field}"
            for fields, is_ours in zip(differences(ours, theirs), (True, False), strict=True)
            for field in sorted(fields)
            if not any(one.covers(name, field, is_ours=is_ours) for one in self.shaped)
        ]

    def gone(self, answers: Mapping[str, tuple[Outline, Outline]]) -> list[str]:
        """Return in a sentence each what is listed and can be seen in none of the answers."""
        return [
            *(
                f"{name}: we do not answer {pair[0]} where llama-server answers {pair[1]}"
                for one in self.answered
                for name, pair in one.requests.items()
                if name not in answers or tuple(answer.head for answer in answers[name]) != pair
            ),
            *(
                f"{'ours' if is_ours else 'theirs'}: {part} of {', '.join(one.requests)}"
                for one in self.shaped
                for parts, is_ours in ((one.ours, True), (one.theirs, False))
                for part in parts
                if not _is_seen(one, part, answers, is_ours=is_ours)
            ),
        ]


def listed() -> Deviations:
    """Return what the file lists."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Deviations(
        [
            Answered(one["reason"], {name: (ours, theirs) for name, ours, theirs in one["requests"]})
            for one in found["answered"]
        ],
        [Shaped(one["reason"], one["requests"], one.get("ours", []), one.get("theirs", [])) for one in found["shaped"]],
    )


def _is_seen(one: Shaped, part: str, answers: Mapping[str, tuple[Outline, Outline]], *, is_ours: bool) -> bool:
    return any(
        _is_part(part, field)
        for name, pair in answers.items()
        if name.startswith(tuple(one.requests)) and pair[0].head == pair[1].head
        for field in differences(*pair)[0 if is_ours else 1]
    )


def _is_part(part: str, field: str) -> bool:
    """Whether `field` is the part or lies in it, at any depth and in any event of a stream."""
    inside = f".{field}"
    place = inside.find(f".{part}")
    end = place + 1 + len(part)
    return place >= 0 and (end == len(inside) or inside[end] in ".:[")
