"""Matchers: masks, drafts, what is forced, the way back, and copies."""

import json
import random
import threading

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints, Matcher
from runtime.engine.protocol import Grammar
from tests.runtime.engine.constraints import sampling
from tests.runtime.engine.constraints.vocabularies import smollm2

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kind": {"const": "an ordinary person"}},
    "required": ["name", "kind"],
}


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


@pytest.fixture
def matcher(constraints: Constraints) -> Matcher:
    return constraints.matcher(Grammar(kind="json_schema", text=json.dumps(PERSON)))


def accept(matcher: Matcher, text: str) -> None:
    for token in smollm2().tokenize(text):
        matcher.accept(token)


def test_a_mask_has_a_bit_for_each_token(matcher: Matcher) -> None:
    mask = sampling.Mask()
    assert matcher.mask(mask.address)
    allowed = {smollm2().token_bytes(token) for token in mask.tokens()}
    assert b"{" in allowed
    assert all(piece.startswith(b"{") for piece in allowed)


def test_control_tokens_are_no_text(constraints: Constraints) -> None:
    mask = sampling.Mask()
    constraints.matcher(Grammar(kind="regex", text="(.|\n)+")).mask(mask.address)
    allowed = set(mask.tokens())
    assert len(allowed) > 48_000
    assert not any(smollm2().is_special(token) for token in allowed)


def test_drafts_change_nothing(matcher: Matcher) -> None:
    vocabulary = smollm2()
    right = vocabulary.tokenize('{"name": "Jo", "kind": "an ordinary person"}')
    assert matcher.allows([*right, vocabulary.eos]) == len(right) + 1
    assert matcher.allows([*right[:3], vocabulary.eos]) == 3
    assert matcher.allows([*right, *right]) == len(right)
    assert matcher.allows([]) == 0
    accept(matcher, '{"name": "Jo"')
    assert matcher.allows(vocabulary.tokenize(', "kind": "an extra')) == 6


def test_forced_tokens_are_a_draft(matcher: Matcher) -> None:
    accept(matcher, '{"name": "Jo", "kind": ')
    assert b"".join(map(smollm2().token_bytes, matcher.forced())) in b'"an ordinary person"}'
    accept(matcher, '"an')
    forced = matcher.forced()
    assert b"".join(map(smollm2().token_bytes, forced)).startswith(b" ordinary person")
    assert matcher.allows(forced) == len(forced)
    for token in forced:
        matcher.accept(token)


def test_the_way_back(matcher: Matcher) -> None:
    accept(matcher, '{"name": "Jo", "kind": "an ordinary person"}')
    assert matcher.is_complete
    matcher.accept(smollm2().eos)
    assert matcher.allows([smollm2().eos]) == 0
    matcher.rollback(1)
    assert matcher.is_complete
    matcher.rollback(1)
    assert not matcher.is_complete
    assert not matcher.may_end
    matcher.rollback(len(smollm2().tokenize('{"name": "Jo", "kind": "an ordinary person"}')) - 1)
    accept(matcher, '{"name": "X"')


def test_random_walks_go_back_and_forth(constraints: Constraints) -> None:
    rng, mask = random.Random(5), sampling.Mask()
    matcher = constraints.matcher(Grammar(kind="json"))
    masks: list[bytes] = []
    tokens: list[int] = []
    for _ in range(300):
        if tokens and rng.random() < 0.3:
            count = rng.randint(1, min(4, len(tokens)))
            matcher.rollback(count)
            del tokens[-count:], masks[-count:]
        matcher.mask(mask.address)
        masks.append(bytes(mask.words))
        token = sampling.mask_choice(mask, rng)
        if token in smollm2().ends:
            masks.pop()
            continue
        matcher.accept(token)
        tokens.append(token)
    again = constraints.matcher(Grammar(kind="json"))
    for token, before in zip(tokens, masks, strict=True):
        again.mask(mask.address)
        assert bytes(mask.words) == before
        again.accept(token)


def test_forks_go_their_own_ways(matcher: Matcher) -> None:
    accept(matcher, '{"name": "')
    twin = matcher.fork()
    accept(twin, 'Jo", "kind": "an ordinary person"}')
    assert twin.is_complete
    assert not matcher.is_complete
    accept(matcher, "Anna")


def test_what_the_grammar_forbids_is_not_accepted(matcher: Matcher) -> None:
    with pytest.raises(InvalidRequest, match="`json_schema`"):
        matcher.fork().accept(smollm2().eos)
    with pytest.raises(InvalidRequest, match="`json_schema`"):
        matcher.fork().accept(smollm2().tokenize("no")[0])


def test_any_json_object(constraints: Constraints) -> None:
    matcher = constraints.matcher(Grammar(kind="json"))
    right = ["{}", '{"a": [1, 2.5e3, null], "b": {"c": "d"}}', '{\n  "a": 1,\n  "b": [\n    true\n  ]\n}']
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    wrong = ["[]", "1", " {}", "{} ", '{"a":}', '{"a":  1}', '{\n\n"a": 1}', "{" + "\n" * 50, '{"a": ' + " " * 50]
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []
    assert all(matcher.allows([sampling.single_bytes()[byte] for byte in text.encode()]) < 8 for text in wrong[-2:])


def test_the_table_is_built_once_by_whoever_comes_first() -> None:
    constraints = Constraints(smollm2())
    thread = threading.Thread(target=constraints.prepare)
    thread.start()
    assert constraints.matcher(Grammar(kind="json")).may_end is False
    thread.join(30)
    assert not thread.is_alive()


def test_the_latest_grammars_are_kept(constraints: Constraints) -> None:
    """Compiling a large one takes milliseconds, a copy of what is there microseconds."""
    for size in range(100):
        assert sampling.accepts(constraints.matcher(Grammar(kind="regex", text=f"a{{{size}}}")), "a" * size)
    assert sampling.accepts(constraints.matcher(Grammar(kind="regex", text="a{0}")), "")


def test_a_grammar_that_grows_too_large_on_the_way_ends_the_request(constraints: Constraints) -> None:
    matcher = constraints.matcher(Grammar(kind="lark", text='start: e\ne: e e e | e e | "a" | "b" | /[a-z]/'))
    with pytest.raises(InvalidRequest, match="`grammar`: parser error: Too many items"):
        sampling.sample(matcher, random.Random(1), 200, 0.0)
