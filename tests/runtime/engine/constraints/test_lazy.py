"""Lazy grammars: free until a word, a token or a pattern has come, wherever the tokens are cut."""

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints, Matcher
from runtime.engine.constraints.trigger import START, Watch
from runtime.engine.protocol import Grammar, Trigger
from tests.runtime.engine.constraints import sampling
from tests.runtime.engine.constraints.vocabularies import smollm2

CALL = 'root ::= "<call>" [0-9]+ "</call>"'


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


def lazy(constraints: Constraints, *triggers: tuple[str, str | int], grammar: str = CALL) -> Matcher:
    asked = [Trigger(kind=kind, value=value) for kind, value in triggers]  # type: ignore[arg-type]
    return constraints.matcher(Grammar(kind="gbnf", text=grammar, triggers=asked))


def feed(matcher: Matcher, text: str) -> None:
    for byte in text.encode():
        matcher.accept(sampling.single_bytes()[byte])


def next_bytes(matcher: Matcher) -> set[str]:
    """The single characters of `0`, `<`, `x` that may come next."""
    return {character for character in "0<x" if matcher.allows([sampling.single_bytes()[ord(character)]])}


def found(pattern: str, *pieces: str) -> str | None:
    """What the grammar is fed with once the pattern was found."""
    watch, state = Watch([Trigger(kind="pattern", value=pattern)]), START
    for piece in pieces:
        state, text = watch.feed(state, piece.encode())
        if text is not None:
            return text.decode()
    return None


def test_free_until_the_word(constraints: Constraints) -> None:
    matcher, mask = lazy(constraints, ("word", "<call>")), sampling.Mask()
    feed(matcher, "Let me see: <cal")
    assert not matcher.mask(mask.address)
    assert not matcher.is_constrained
    assert next_bytes(matcher) == {"0", "<", "x"}
    feed(matcher, "l>")
    assert matcher.mask(mask.address)
    assert next_bytes(matcher) == {"0"}
    feed(matcher, "12</call>")
    assert matcher.is_complete


@pytest.mark.parametrize("cut", range(1, 20))
def test_the_word_across_tokens(constraints: Constraints, cut: int) -> None:
    """Text that belongs to the token before or behind the word does not matter."""
    vocabulary, text = smollm2(), "I say ünï <call>1"
    matcher = lazy(constraints, ("word", "<call>"))
    for token in [*vocabulary.tokenize(text[:cut]), *vocabulary.tokenize(text[cut:])]:
        matcher.accept(token)
    assert next_bytes(matcher) == {"0", "<"}


def test_a_word_that_the_grammar_cannot_go_on_from_is_text(constraints: Constraints) -> None:
    matcher = lazy(constraints, ("word", "<call>"))
    pieces = map(smollm2().token_bytes, range(smollm2().n_vocab))
    beyond = next(token for token, piece in enumerate(pieces) if piece.startswith(b">") and piece[1:2] > b"9")
    for token in [*smollm2().tokenize("x <call"), beyond]:
        matcher.accept(token)
    assert not matcher.is_constrained
    feed(matcher, " and <call>")
    assert next_bytes(matcher) == {"0"}


def test_a_token(constraints: Constraints) -> None:
    special = smollm2().tokenize("<call>")
    control = next(token for token in range(smollm2().n_vocab) if smollm2().token_bytes(token) == b"<jupyter_code>")
    matcher = lazy(constraints, ("token", control), grammar="root ::= <jupyter_code> [0-9]+")
    matcher.accept(special[0])
    matcher.accept(control)
    assert next_bytes(matcher) == {"0"}
    as_text = lazy(constraints, ("token", control), grammar='root ::= "<jupyter_code>" [0-9]+')
    as_text.accept(control)
    assert next_bytes(as_text) == {"0"}


@pytest.mark.parametrize(
    ("pattern", "pieces", "fed"),
    [
        ("<call>", ["a <ca", "ll>1"], "<call>1"),
        (r"name:\s*(<call>)", ["my name: ", " <call>"], "<call>"),
        ("(a)?(b)", ["xb"], "b"),
        ("^ab", ["xab"], None),
        ("^ab", ["a", "bc"], "abc"),
        ("^(?:[^{]*(<call>)[0-9])$", ["so <call>", "5"], "<call>5"),
        ("b$", ["ab", "c"], "b"),
        ("b$", ["abc"], None),
        (r"[\s\S]*?(x{2,3})", ["axb", "xx"], "xx"),
        ("é(ü)", ["é", "ü!"], "ü!"),
        ("(?:a|ab)(c)", ["abc"], "c"),
        ("[^<](<p>)", ["<p>", "x<p>"], "<p>"),
    ],
)
def test_where_a_pattern_begins(pattern: str, pieces: list[str], fed: str | None) -> None:
    assert found(pattern, *pieces) == fed


def test_a_character_cut_in_two() -> None:
    watch, state = Watch([Trigger(kind="word", value="ü")]), START
    state, text = watch.feed(state, b"x\xc3")
    assert text is None
    assert watch.feed(state, b"\xbc!")[1] == "ü!".encode()


def test_a_long_answer_is_kept_no_longer_than_it_may_match() -> None:
    watch, state = Watch([Trigger(kind="word", value="<call>")]), START
    for _ in range(1_000):
        state, _ = watch.feed(state, b"some text that goes on <c")
    assert len(state.kept) < 10


def test_back_over_the_trigger(constraints: Constraints) -> None:
    matcher = lazy(constraints, ("word", "<call>"))
    feed(matcher, "<call>12")
    matcher.rollback(3)
    assert not matcher.is_constrained
    feed(matcher, ">7<")
    assert next_bytes(matcher) == set()
    matcher.rollback(4)
    feed(matcher, "x <call>")
    assert next_bytes(matcher) == {"0"}
    with pytest.raises(ValueError, match="remembered"):
        matcher.rollback(1_000)


@pytest.mark.parametrize(
    ("trigger", "says"),
    [
        (("word", "<tool>"), "the grammar does not begin with `<tool>`"),
        (("word", ""), "an empty one"),
        (("pattern", "(?=x)"), "is not supported"),
        (("pattern", "(" * 70), "more than 64 nested groups"),
        (("pattern", "(a{100}){100}"), "more than 2,000 steps"),
        (("pattern", r"\p{L}"), "Unicode classes"),
        (("token", 99_999_999), "is not one of this model's tokens"),
        (("token", "x"), "is not one of this model's tokens"),
    ],
)
def test_triggers_that_are_refused(constraints: Constraints, trigger: tuple[str, str | int], says: str) -> None:
    with pytest.raises(InvalidRequest, match="`grammar_triggers`") as refusal:
        lazy(constraints, trigger)
    assert says in str(refusal.value)
