"""GBNF: what it means, held against a plain recogniser, and what is refused."""

import random
import tarfile
from collections.abc import Callable, Iterator

import pytest

from bundler import fetch, llama_source
from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints, gbnf
from runtime.engine.constraints.gbnf import All, Any, Many, Node, Rule
from runtime.engine.constraints.regex import Characters
from runtime.engine.protocol import Grammar
from tests.runtime.engine.constraints import sampling
from tests.runtime.engine.constraints.vocabularies import smollm2

EXAMPLES = ("arithmetic", "c", "chess", "english", "japanese", "json", "json_arr", "list")


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """The grammars that llama.cpp brings, by name, out of the pinned source."""
    found = {}
    with tarfile.open(fetch.fetch(fetch.pins()[llama_source.PIN])) as tar:
        for member in tar:
            _, _, name = member.name.partition("/grammars/")
            if name.endswith(".gbnf") and (file := tar.extractfile(member)):
                found[name.removesuffix(".gbnf")] = file.read().decode()
    return found


def accepts(constraints: Constraints, grammar: str, text: str) -> bool:
    return sampling.accepts(constraints.matcher(Grammar(kind="gbnf", text=grammar)), text)


@pytest.mark.parametrize(
    ("grammar", "right", "wrong"),
    [
        (r'root ::= "say \"hi\"" [\]\-\\] "\x41\u00e9\U0001F600\t"', ['say "hi"]Aé😀\t', 'say "hi"\\Aé😀\t'], ["say"]),
        ("root ::= [a-c] [^a-c] . # a comment\n", ["axa", "b\n\n", "cé😀"], ["aax", "xx", "ax"]),
        (
            "root ::= a{2} | b{1,2} c{2,} | d{,2}\na::=[a]\nb::=[b]\nc::=[c]\nd::=[d]",
            ["aa", "bcc", "bbccc"],
            ["a", "bc"],
        ),
        ("root ::= (\n  [a]\n  |\n  [b]\n)+ |\n [c]?", ["abab", "c", ""], ["ac", "cc"]),
        ('root ::= item ("," item)*\nitem ::= [0-9]+ | "(" root ")"', ["1,(2,(33)),4"], ["1,", "(1"]),
        ('root ::= [a-z]* "z"', ["z", "az", "azaz"], ["a", "aza"]),
        ('root ::= x [a-z] x\nx ::= [a-z]* | "(" x ")"', ["a", "(b)cd", "ab(c)"], ["(a)", ""]),
        (
            'root ::= "for" r | [a-z]+ ";"\nr ::= "(" r ")" | "e"',
            ["for(e)", "for;", "fore;", "forest;", "fore"],
            ["for"],
        ),
        ('root ::= root "a" | "b"', ["b", "baa"], ["a", "ab"]),
    ],
)
def test_what_a_grammar_means(constraints: Constraints, grammar: str, right: list[str], wrong: list[str]) -> None:
    grammar = grammar.replace("d{,2}", "d{0,2}")
    assert [text for text in right if not accepts(constraints, grammar, text)] == []
    assert [text for text in wrong if accepts(constraints, grammar, text)] == []


def test_tokens_by_id_and_by_text(constraints: Constraints) -> None:
    vocabulary = smollm2()
    (comma,) = vocabulary.tokenize(",")
    special = next(token for token in range(vocabulary.n_vocab) if vocabulary.token_bytes(token) == b"<file_sep>")
    matcher = constraints.matcher(Grammar(kind="gbnf", text=f"root ::= <file_sep> !<[{comma}]> <[{comma}]>"))
    assert matcher.allows([comma]) == 0
    assert matcher.allows([special, comma]) == 1
    assert matcher.allows([special, special + 500, comma, vocabulary.eos]) == 4


@pytest.mark.parametrize(
    ("grammar", "says"),
    [
        ("root ::= item", "line 1: there is no rule `item`"),
        ("item ::= [a]", "there is no rule `root`"),
        ("", "there is no rule `root`"),
        ("root = [a]", "no `::=`"),
        ('root ::= "a', "in the middle"),
        ("root ::= [a", "in the middle"),
        ("root ::= ([a]", "without its `)`"),
        ("root ::= [a])", "is not expected"),
        ("root ::= *", "nothing that it could repeat"),
        ("root ::= [a]{3,2}", "wrong way round"),
        ("root ::= [z-a]", "wrong way round"),
        ("root ::= [a]{2001}", "more than 2,000 repetitions"),
        ("root ::= [a]{x}", "without `{m}`"),
        (r'root ::= "\q"', "is not known"),
        (r'root ::= "\ud800"', "is no character"),
        ("root ::= []", "matches nothing"),
        ("root ::= <[99999999]>", "not one of this model's 49152 tokens"),
        ("root ::= <no such token>", "is not exactly one token"),
        ("root ::= [a]\n\n$", "line 3"),
        ("root ::= " + "(" * 30_000 + "[a]" + ")" * 30_000, "more than 64 nested groups"),
        ("root ::= " + "[a] | " * 5_000 + "[a]", "more than 4,096 alternatives"),
        ("".join(f"r{n} ::= [a]\n" for n in range(1_100)) + "root ::= [a]", "more than 1,000 rules"),
        ("root ::= " + '"' + "a" * 70_000 + '"', "longer than 65,536 bytes"),
    ],
)
def test_what_is_refused(constraints: Constraints, grammar: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match="`grammar`") as refusal:
        constraints.matcher(Grammar(kind="gbnf", text=grammar))
    assert says in str(refusal.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_llama_cpp(constraints: Constraints, examples: dict[str, str], name: str) -> None:
    text = examples[name]
    tree = gbnf.parse(text, smollm2().n_vocab, lambda _: None)
    for seed in range(3):
        answer = sampling.sample(constraints.matcher(Grammar(kind="gbnf", text=text)), random.Random(seed), 120, 0.3)
        if answer is not None and len(answer) < 300:
            assert len(answer) in ends(tree, tree["root"], answer, 0, {})


def test_random_grammars_mean_what_a_plain_recogniser_says(constraints: Constraints) -> None:
    """Lexemes and rules are cut in many ways here; the language must stay the same."""
    n_right = 0
    for seed in range(100):
        rng = random.Random(seed)
        grammar = random_grammar(rng)
        tree = gbnf.parse(grammar, 1, lambda _: None)
        matcher = constraints.matcher(Grammar(kind="gbnf", text=grammar))
        for _ in range(12):
            text = "".join(rng.choice("abc") for _ in range(rng.randrange(7)))
            right = len(text) in ends(tree, tree["root"], text, 0, {})
            assert sampling.accepts(matcher, text) == right, f"{seed}: {text!r}\n{grammar}"
            n_right += right
    assert n_right > 60


def random_grammar(rng: random.Random) -> str:
    """Rules that use later rules, and recursion only behind a character, so that the recogniser ends."""
    names = ["root", "x", "y", "z"]

    def item(index: int, depth: int) -> str:
        choice = rng.random()
        if choice < 0.45 or depth > 2:
            return rng.choice(["[a]", "[ab]", '"b"', '"ab"', "[^a]", "[bc]", '"c"'])
        if choice < 0.6 and index < 3:
            return rng.choice(names[index + 1 :])
        if choice < 0.7:
            return f'("{rng.choice("abc")}" {rng.choice(names)})'
        return f"({alternatives(index, depth + 1)})"

    def alternatives(index: int, depth: int) -> str:
        sequences = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            items = [
                item(index, depth) + rng.choice(["", "", "", "*", "+", "?", "{1,2}"])
                for _ in range(rng.choice([1, 2, 3]))
            ]
            sequences.append(" ".join(items))
        return " | ".join(sequences)

    return "\n".join(f"{name} ::= {alternatives(index, 0)}" for index, name in enumerate(names))


def ends(
    tree: dict[str, Node], node: Node, text: str, at: int, known: dict[tuple[int, int], frozenset[int]]
) -> frozenset[int]:
    """Every place where a match of `node` that begins at `at` can end."""
    key = (id(node), at)
    if key not in known:
        known[key] = frozenset()
        known[key] = frozenset(_ends(tree, node, text, at, known))
    return known[key]


def _ends(
    tree: dict[str, Node], node: Node, text: str, at: int, known: dict[tuple[int, int], frozenset[int]]
) -> Iterator[int]:
    if isinstance(node, Characters):
        if at < len(text) and any(low <= ord(text[at]) <= high for low, high in node.ranges or ()):
            yield at + 1
    elif isinstance(node, Rule):
        yield from ends(tree, tree[node.name], text, at, known)
    elif isinstance(node, Any):
        for item in node.items:
            yield from ends(tree, item, text, at, known)
    elif isinstance(node, All):
        places = {at}
        for item in node.items:
            places = {end for place in places for end in ends(tree, item, text, place, known)}
        yield from places
    elif isinstance(node, Many):
        yield from _repeated(lambda place: ends(tree, node.item, text, place, known), node, at, len(text))


def _repeated(step: Callable[[int], frozenset[int]], node: Many, at: int, length: int) -> set[int]:
    """Every place after `least` to `most` steps; more than one for each character and empty ones change nothing."""
    places, reached = {at}, {at} if node.least == 0 else set()
    most = node.most if node.most is not None else node.least + length + 1
    for count in range(1, min(most, 300) + 1):
        places = {end for place in places for end in step(place)}
        reached |= places if count >= node.least else set()
    return reached
