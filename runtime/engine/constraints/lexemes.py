"""Decides which parts of a GBNF grammar llguidance's lexer may take as a whole.

GBNF has no lexer: every character is a step of the grammar, and parsing so takes milliseconds
per token. llguidance cuts text into lexemes first, which is a hundred times quicker, but it
takes the longest: of `[a-z]* "z"` it would never find the `z`. So a part becomes a lexeme only if
that cannot matter: wherever one lexeme is complete, none may go on with a character with
which the text behind the first may begin. A part that fails is taken apart, at worst down to characters.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runtime.engine.constraints.gbnf import ROOT, All, Any, Many, Node, Rule, Token
from runtime.engine.constraints.regex import TOP, Characters, Ranges

POSITIONS = 2_000
"""Characters of all lexemes together, rules written out; beyond, everything is taken apart."""
EDGES = 100_000
"""From a character to one that may follow it."""
SIZE = 20_000
"""Characters of one lexeme with repetitions written out; llguidance needs 10 kB for each."""
DEPTH = 40
"""Of rules in rules."""
STEPS = 150_000
"""Of the analysis, at 1 to 2 µs each."""


class TooLarge(Exception):
    """The analysis would take too long."""


class Automaton(NamedTuple):
    """What one part matches: positions hold sets of characters as bits, and which follow which."""

    masks: list[int]
    first: frozenset[int]
    last: frozenset[int]
    follow: list[set[int]]


def regular(rules: dict[str, Node]) -> frozenset[str]:
    """Return the rules that do not contain themselves and reach no token: a lexeme could be made of each."""
    found: dict[str, bool] = {}
    for root in rules:
        path: dict[str, Iterator[str]] = {root: iter(_used(rules[root]))} if root not in found else {}
        while path:
            name = next(reversed(path))
            target = next(path[name], None)
            if target is None:
                del path[name]
                found.setdefault(name, not _has_token(rules[name]) and all(found[used] for used in _used(rules[name])))
            elif target in path:
                for inside in [*path][[*path].index(target) :]:
                    found[inside] = False
            elif target not in found:
                path[target] = iter(_used(rules[target]))
    return frozenset(name for name, is_regular in found.items() if is_regular)


class Lexemes:
    """The choice for one grammar: `whole` says whether a part is a lexeme."""

    def __init__(self, rules: dict[str, Node]) -> None:
        self.rules = rules
        self._regular = regular(rules)
        self._apart: set[Node] = set()
        self._alphabet = _Alphabet(rules.values())
        self._known: dict[Node, bool] = {}
        self._sizes: dict[str, int] = {}
        self._n_steps = 0
        self._by_character = False
        try:
            # nothing is behind a root that is one lexeme, so there is nothing to swallow
            while not self._is_one_lexeme(rules[ROOT]) and self._take_apart():
                pass
        except TooLarge:
            self._by_character = True

    def whole(self, node: Node) -> bool:
        """Tell whether `node` is to be one lexeme."""
        if isinstance(node, Characters):
            return True
        return not self._by_character and node not in self._apart and self._is_regular(node)

    def runs(self, items: tuple[Node, ...]) -> list[Node]:
        """Return the items of a sequence, neighbours joined that are one lexeme together, from the left."""
        if self._by_character:
            return list(items)
        runs: list[Node] = []
        at = 0
        while at < len(items):
            end = at
            while end < len(items) and self._is_regular(items[end]):
                end += 1
            while end > at + 1 and All(items[at:end]) in self._apart:
                end -= 1
            runs.append(All(items[at:end]) if end > at + 1 else items[at])
            at = max(end, at + 1)
        return runs

    def alphabet_mask(self, node: Characters) -> int:
        """Return the characters of `node` as bits."""
        return self._alphabet.mask(node.ranges or ())

    def step(self) -> None:
        """Count the work. Raises: TooLarge."""
        self._n_steps += 1
        if self._n_steps > STEPS:
            raise TooLarge

    def _is_regular(self, node: Node) -> bool:
        if node not in self._known:
            self._known[node] = not _has_token(node) and all(name in self._regular for name in _used(node))
        return self._known[node]

    def _is_one_lexeme(self, root: Node) -> bool:
        return self.whole(root) and self._size(root) <= SIZE

    def _take_apart(self) -> bool:
        """Take apart every lexeme that can swallow what belongs to others; tell whether there was one."""
        flow = _Flow(self)
        lexemes = list(flow.behind)
        large = {lexeme for lexeme in lexemes if not isinstance(lexeme, Characters) and self._size(lexeme) > SIZE}
        if large:
            self._apart |= large
            return True
        automata = self._automata(lexemes)
        swallowing = {
            longer
            for longer in lexemes
            if not isinstance(longer, Characters)
            and any(self._swallows(automata[longer], automata[lexeme], flow.behind[lexeme]) for lexeme in lexemes)
        }
        self._apart |= swallowing
        return bool(swallowing)

    def _size(self, node: Node, depth: int = 0) -> int:
        """Count the characters of a lexeme with its repetitions written out, as far as it matters."""
        self.step()
        if depth > DEPTH:
            raise TooLarge
        if isinstance(node, Rule):
            if node.name not in self._sizes:
                self._sizes[node.name] = self._size(self.rules[node.name], depth + 1)
            return self._sizes[node.name]
        if isinstance(node, Many):
            return min(SIZE + 1, self._size(node.item, depth) * max(1, node.least, node.most or 0))
        if isinstance(node, All | Any):
            return min(SIZE + 1, sum(self._size(item, depth) for item in node.items))
        return 1

    def _automata(self, lexemes: list[Node]) -> dict[Node, Automaton]:
        built, n_positions = {}, 0
        for lexeme in lexemes:
            built[lexeme] = _Glushkov(self.rules, self._alphabet, POSITIONS - n_positions).automaton(lexeme)
            n_positions += len(built[lexeme].masks)
        return built

    def _swallows(self, longer: Automaton, lexeme: Automaton, behind: int) -> bool:
        """Tell whether `longer` can go on with one of `behind` where `lexeme` is complete."""
        pairs = [(one, other) for one in lexeme.first for other in longer.first]
        seen = set()
        while pairs:
            one, other = pair = pairs.pop()
            self.step()
            if pair in seen or not lexeme.masks[one] & longer.masks[other]:
                continue
            seen.add(pair)
            if one in lexeme.last and any(longer.masks[following] & behind for following in longer.follow[other]):
                return True
            pairs += [(a, b) for a in lexeme.follow[one] for b in longer.follow[other]]
        return False


class _Flow:
    """Which characters may follow each lexeme (`behind`), from first and follow sets of the rules."""

    def __init__(self, lexemes: Lexemes) -> None:
        self._lexemes = lexemes
        self._first: dict[str, tuple[int, bool]] = dict.fromkeys(lexemes.rules, (0, False))
        self._behind_rule: dict[str, int] = {ROOT: 0}
        self._runs: dict[Node, list[tuple[Node, int, bool]]] = {}
        self.behind: dict[Node, int] = {}
        while self._grow_first():
            pass
        self._waiting = [ROOT]
        while self._waiting:
            name = self._waiting.pop()
            self._go(lexemes.rules[name], self._behind_rule[name])

    def _grow_first(self) -> bool:
        grown = False
        for name, node in self._lexemes.rules.items():
            found = self._start(node)
            grown |= found != self._first[name]
            self._first[name] = found
        return grown

    def _go(self, node: Node, behind: int) -> None:
        self._lexemes.step()
        if self._lexemes.whole(node):
            self.behind[node] = self.behind.get(node, 0) | behind
        elif isinstance(node, Rule):
            known = self._behind_rule.get(node.name)
            if known is None or known | behind != known:
                self._behind_rule[node.name] = (known or 0) | behind
                self._waiting.append(node.name)
        elif isinstance(node, Any):
            for item in node.items:
                self._go(item, behind)
        elif isinstance(node, Many):
            loops = self._start(node.item)[0] if node.most != 1 else 0
            self._go(node.item, behind | loops)
        elif isinstance(node, All):
            if node not in self._runs:
                self._runs[node] = [(item, *self._start(item)) for item in self._lexemes.runs(node.items)]
            for item, first, nullable in reversed(self._runs[node]):
                self._go(item, behind)
                behind = first | behind if nullable else first

    def _start(self, node: Node) -> tuple[int, bool]:
        """Return the characters that `node` may begin with, and whether it may be empty."""
        self._lexemes.step()
        if isinstance(node, Characters):
            return self._lexemes.alphabet_mask(node), False
        if isinstance(node, Rule):
            return self._first[node.name]
        if isinstance(node, Token):
            return 0, False
        if isinstance(node, Many):
            first, nullable = self._start(node.item)
            return (first, nullable or node.least == 0) if node.most != 0 else (0, True)
        found, nullable = 0, isinstance(node, All)
        for item in node.items:
            first, empty = self._start(item)
            if isinstance(node, Any):
                found, nullable = found | first, nullable or empty
            else:
                found |= first if nullable else 0
                nullable = nullable and empty
        return found, nullable


class _Glushkov:
    """Builds the automaton of one part, in which each character of its text is a position."""

    def __init__(self, rules: dict[str, Node], alphabet: "_Alphabet", most: int) -> None:
        self._rules = rules
        self._alphabet = alphabet
        self._most = most
        self._masks: list[int] = []
        self._follow: list[set[int]] = []
        self._n_visited = 0
        self._n_edges = 0
        self._depth = 0

    def automaton(self, node: Node) -> Automaton:
        """Raises: TooLarge."""
        first, last, _ = self._build(node)
        return Automaton(self._masks, first, last, self._follow)

    def _build(self, node: Node) -> tuple[frozenset[int], frozenset[int], bool]:
        """Return the first and last positions of `node`, and whether it may be empty."""
        self._n_visited += 1
        if self._n_visited > 4 * POSITIONS or self._depth > DEPTH:
            raise TooLarge
        if isinstance(node, Rule):
            self._depth += 1
            built = self._build(self._rules[node.name])
            self._depth -= 1
            return built
        if isinstance(node, Characters):
            if len(self._masks) >= self._most:
                raise TooLarge
            self._masks.append(self._alphabet.mask(node.ranges or ()))
            self._follow.append(set())
            only = frozenset([len(self._masks) - 1])
            return only, only, False
        if isinstance(node, Many):
            return self._build_many(node)
        if isinstance(node, Any):
            parts = [self._build(item) for item in node.items]
            firsts, lasts, empties = zip(*parts, strict=True)
            return frozenset().union(*firsts), frozenset().union(*lasts), any(empties)
        return self._build_all(node.items if isinstance(node, All) else ())

    def _build_many(self, node: Many) -> tuple[frozenset[int], frozenset[int], bool]:
        """Bounds are let go: more is matched than is meant, so less is taken for safe."""
        if node.most == 0:
            return frozenset(), frozenset(), True
        first, last, empty = self._build(node.item)
        if node.most != 1:
            self._join(last, first)
        return first, last, empty or node.least == 0

    def _join(self, last: frozenset[int], first: frozenset[int]) -> None:
        self._n_edges += len(last) * len(first)
        if self._n_edges > EDGES:
            raise TooLarge
        for position in last:
            self._follow[position] |= first

    def _build_all(self, items: tuple[Node, ...]) -> tuple[frozenset[int], frozenset[int], bool]:
        first: frozenset[int] = frozenset()
        last: frozenset[int] = frozenset()
        empty = True
        for item in items:
            item_first, item_last, item_empty = self._build(item)
            self._join(last, item_first)
            first = first | item_first if empty else first
            last = last | item_last if item_empty else item_last
            empty = empty and item_empty
        return first, last, empty


class _Alphabet:
    """All characters, in classes that no part of the grammar tells apart; a set of classes is an int's bits."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        edges = {0, TOP + 1}
        for node in _parts(nodes):
            if isinstance(node, Characters):
                for low, high in node.ranges or ():
                    edges |= {low, high + 1}
        self._edges = {edge: index for index, edge in enumerate(sorted(edges))}
        self._known: dict[Ranges, int] = {}

    def mask(self, ranges: Ranges) -> int:
        if ranges not in self._known:
            self._known[ranges] = sum((1 << self._edges[high + 1]) - (1 << self._edges[low]) for low, high in ranges)
        return self._known[ranges]


def _parts(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if isinstance(node, All | Any):
            yield from _parts(node.items)
        elif isinstance(node, Many):
            yield from _parts([node.item])


def _used(node: Node) -> list[str]:
    return [part.name for part in _parts([node]) if isinstance(part, Rule)]


def _has_token(node: Node) -> bool:
    return any(isinstance(part, Token) for part in _parts([node]))
