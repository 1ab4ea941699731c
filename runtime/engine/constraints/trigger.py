"""Watches an answer for the words and patterns that start a lazy grammar.

All of them run at once as one machine over the characters, in time that grows with the
text and the size of the patterns only: each character is looked at once, and what was
tried before is never tried again.
"""

import codecs
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from runtime.engine.constraints import limits, regex
from runtime.engine.constraints.limits import refuse
from runtime.engine.constraints.regex import Alternatives, Anchor, Characters, Group, Node, Ranges, Repeat, Sequence
from runtime.engine.protocol import Trigger

STEPS = 2_000
"""Of the machine: each costs at most 0.3 µs per character of the answer."""
GROUPS = 16
TRIGGERS = 64
WHAT = "`grammar_triggers`: the pattern"


class Eat(NamedTuple):
    """Go on to the next step with one character of `ranges`."""

    ranges: Ranges


class Fork(NamedTuple):
    """Go on at each of `targets`, the earlier preferred."""

    targets: tuple[int, ...]


class Mark(NamedTuple):
    """Remember the place in the text as number `slot`: group n begins at 2n, ends at 2n+1."""

    slot: int


class Check(NamedTuple):
    """Go on only at the beginning of the text, or at its end."""

    at_start: bool


class Found(NamedTuple):
    pass


Step: TypeAlias = Eat | Fork | Mark | Check | Found
Thread: TypeAlias = tuple[int, tuple[int, ...]]
"""A step, and the places remembered on the way there; place 0 is where the match began."""


class Watched(NamedTuple):
    """What the machine remembers between two tokens."""

    threads: tuple[Thread, ...]
    kept: bytes
    """The text from the earliest place on where a match may begin."""
    kept_from: int
    undecoded: bytes
    position: int


START = Watched((), b"", 0, b"", 0)


class Watch:
    """The machine for the words and patterns of `triggers`; it holds no state of its own."""

    def __init__(self, triggers: list[Trigger]) -> None:
        """Raises: InvalidRequest."""
        if len(triggers) > TRIGGERS:
            refuse(f"`grammar_triggers`: more than {TRIGGERS}")
        self.tokens = frozenset(trigger.value for trigger in triggers if trigger.kind == "token")
        self._steps: list[Step] = []
        self._starts: list[int] = []
        for trigger in triggers:
            if trigger.kind != "token":
                self._add(trigger)

    def feed(self, state: Watched, piece: bytes) -> tuple[Watched, bytes | None]:
        """Go over the next token's bytes; return also the text since a trigger began, if one was found."""
        text, undecoded = _decoded(state.undecoded + piece)
        threads, position, found = state.threads, state.position, None
        for character in text:
            fresh = [] if found else self._fresh(position)
            ready, matched = self._closed([*threads, *fresh], position, at_end=False)
            found = matched or found
            threads = self._eaten(ready, ord(character))
            position += len(character.encode("utf-8", "surrogateescape"))
        _, matched = self._closed([*threads, *([] if found else self._fresh(position))], position, at_end=True)
        found = matched or found
        kept = state.kept + piece
        if found is not None:
            return START, kept[_beginning(found) - state.kept_from :]
        earliest = min((marks[0] for _, marks in threads), default=position)
        return Watched(tuple(threads), kept[earliest - state.kept_from :], earliest, undecoded, position), None

    def _fresh(self, position: int) -> list[Thread]:
        return [(start, (position, *[-1] * (2 * GROUPS + 1))) for start in self._starts]

    def _closed(
        self, threads: list[Thread], position: int, at_end: bool
    ) -> tuple[list[Thread], tuple[int, ...] | None]:
        """Follow every thread up to where it eats; the first that has found something ends the later ones."""
        ready: list[Thread] = []
        seen: set[int] = set()
        stack = threads[::-1]
        while stack:
            at, marks = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            step = self._steps[at]
            if isinstance(step, Eat):
                ready.append((at, marks))
            elif isinstance(step, Fork):
                stack += [(target, marks) for target in reversed(step.targets)]
            elif isinstance(step, Mark):
                stack.append((at + 1, (*marks[: step.slot], position, *marks[step.slot + 1 :])))
            elif isinstance(step, Found):
                return ready, marks
            elif position == 0 if step.at_start else at_end:
                stack.append((at + 1, marks))
        return ready, None

    def _eaten(self, threads: list[Thread], code: int) -> tuple[Thread, ...]:
        return tuple(
            (at + 1, marks)
            for at, marks in threads
            if any(low <= code <= high for low, high in self._steps[at].ranges)  # type: ignore[union-attr]
        )

    def _add(self, trigger: Trigger) -> None:
        value = str(trigger.value)
        if not value:
            refuse("`grammar_triggers`: an empty one")
        if trigger.kind == "word":
            limits.check_size(value, limits.REGEX_BYTES, "`grammar_triggers`: a word")
            root: Node = Sequence([Characters(((ord(character), ord(character)),)) for character in value])
        else:
            expression = regex.parse(value, WHAT)
            if not expression.portable or expression.n_groups > GROUPS:
                refuse(f"{WHAT} `{limits.cut(value)}` has Unicode classes or more than {GROUPS} groups")
            root = expression.root
        self._starts.append(len(self._steps))
        self._compile(root)
        self._emit(Found())

    def _compile(self, node: Node) -> None:
        if isinstance(node, Characters):
            self._emit(Eat(node.ranges or ()))
        elif isinstance(node, Sequence):
            for item in node.items:
                self._compile(item)
        elif isinstance(node, Alternatives):
            self._compile_alternatives(node.items)
        elif isinstance(node, Repeat):
            self._compile_repeat(node)
        elif isinstance(node, Anchor):
            self._emit(Check(node.at_start))
        else:
            self._compile_group(node)

    def _compile_group(self, node: Group) -> None:
        if node.number is not None:
            self._emit(Mark(2 * node.number))
        self._compile(node.item)
        if node.number is not None:
            self._emit(Mark(2 * node.number + 1))

    def _compile_alternatives(self, items: Iterable[Node]) -> None:
        fork = self._emit(Fork(()))
        starts, jumps = [], []
        for item in items:
            starts.append(len(self._steps))
            self._compile(item)
            jumps.append(self._emit(Fork(())))
        self._steps[fork] = Fork(tuple(starts))
        for jump in jumps:
            self._steps[jump] = Fork((len(self._steps),))

    def _compile_repeat(self, node: Repeat) -> None:
        for _ in range(node.least):
            self._compile(node.item)
        if node.most is None:
            self._compile_option(node, again=True)
            return
        forks = [self._compile_option(node, again=False) for _ in range(node.most - node.least)]
        for fork, inside in forks:
            self._steps[fork] = self._choice(node, inside, len(self._steps))

    def _compile_option(self, node: Repeat, again: bool) -> tuple[int, int]:
        fork = self._emit(Fork(()))
        self._compile(node.item)
        if again:
            self._emit(Fork((fork,)))
            self._steps[fork] = self._choice(node, fork + 1, len(self._steps))
        return fork, fork + 1

    def _choice(self, node: Repeat, inside: int, behind: int) -> Fork:
        return Fork((behind, inside) if node.lazy else (inside, behind))

    def _emit(self, step: Step) -> int:
        if len(self._steps) >= STEPS:
            refuse(f"`grammar_triggers`: they take more than {STEPS:,} steps; make them shorter")
        self._steps.append(step)
        return len(self._steps) - 1


def _beginning(marks: tuple[int, ...]) -> int:
    """Return where the first capture group that is not empty begins, or else the match."""
    for index in range(2, len(marks) - 1, 2):
        if 0 <= marks[index] < marks[index + 1]:
            return marks[index]
    return marks[0]


def _decoded(raw: bytes) -> tuple[str, bytes]:
    """Return the characters that are complete, and the bytes of one that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text = decoder.decode(raw)
    return text, decoder.getstate()[0]
