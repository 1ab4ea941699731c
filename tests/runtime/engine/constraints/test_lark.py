"""Lark and regular expressions: what goes on to llguidance, and what does not."""

import time

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints
from runtime.engine.protocol import Grammar, Trigger
from tests.runtime.engine.constraints import sampling
from tests.runtime.engine.constraints.vocabularies import smollm2

CALLS = r"""
// a tool call, with its schema inside
start: "<call>" %json {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}, "required": ["city"]
  } "</call>"
     | NUMBER ("," NUMBER){1,2}   # or numbers
NUMBER: /[0-9]{1,3}(\.[0-9]+)?/ | "-" /\//
"""


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


def test_a_grammar_with_a_schema_inside(constraints: Constraints) -> None:
    matcher = constraints.matcher(Grammar(kind="lark", text=CALLS))
    right = ['<call>{"city": "Oslo"}</call>', "1,22.5", "-/,3,4"]
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    wrong = ['<call>{"city": "Oslo", "x": 1}</call>', '<call>{"city":  "a"}</call>', "1", "1,2,3,4"]
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('%llguidance {"no_forcing": true}\nstart: "a"', "`%llguidance` is not supported"),
        ('start: %regex {"substring_chars": "abc"}', "`%regex` is not supported"),
        ("start: @other", "`@` is not supported"),
        ("start: x::1\nx::_: /a/", "`:` is not supported"),
        ("start: t\nt[max_tokens=5]: /a+/", "`max_tokens` is not supported"),
        ('start: t\nt[stop="x"]: /a+/', "`stop` is not supported"),
        ("start: /(?=a)/", "no look-around"),
        ("start: /a{3000}/", "more than 2,000"),
        ('start: "a"{3000}', "more than 2,000 repetitions"),
        ("start: " + "(" * 30_000, "more than 64 nested groups"),
        ('start: "a")', "a `)` too many"),
        ('start: "a', "without its end"),
        ("start: /a", "without its end"),
        ("start: <a", "without its `>`"),
        ("start: %json 5", "without a schema"),
        ('start: %json {"not": {}}', "`not` is not supported"),
        ("start: %json " + '{"items": ' * 50 + "{}" + "}" * 50, "nest deeper"),
        ("start: other", "other"),
        ("start: <no_such_token>", "unknown special token"),
        ("start: " + '"a" | ' * 5_000 + '"b"', "4,096 alternatives"),
        (
            "start: R0\n" + "".join(f"R{n}: R{n + 1} R{n + 1}\n" for n in range(50)) + 'R50: "a"',
            "more than 20,000 characters",
        ),
        ("start: R0\n" + "".join(f"R{n}: R{n + 1}\n" for n in range(500)) + 'R500: "a"', "nested more than 100 deep"),
        ('start: A\nA: ((("a"{2000}){2000}){2000}){2000}', "more than 20,000 characters"),
        ("start: A\nA: A", "contain themselves"),
    ],
)
def test_what_is_refused(constraints: Constraints, text: str, says: str) -> None:
    begun = time.process_time()
    with pytest.raises(InvalidRequest, match="`grammar`") as refusal:
        constraints.matcher(Grammar(kind="lark", text=text))
    assert says in str(refusal.value)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"[A-Z]{2}-\d{3}(\.\d)?", ["AB-123", "AB-123.4"], ["ab-123", "AB-12", "xAB-123"]),
        (r"(?:yes|no)( maybe)*", ["yes", "no maybe maybe"], ["yes no"]),
        (r"[^\n]{0,3}é?", ["", "日本é"], ["a\n"]),
        (r"\x41\u00e9[\]\-]", ["Aé]", "Aé-"], ["Aé"]),
    ],
)
def test_regular_expressions(constraints: Constraints, pattern: str, right: list[str], wrong: list[str]) -> None:
    matcher = constraints.matcher(Grammar(kind="regex", text=pattern))
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(" * 30_000, "longer than 8,192 bytes"),
        ("(" * 100 + ")" * 100, "more than 64 nested groups"),
        ("a{1,2001}", "more than 2,000"),
        ("((a{99}){99}){99}", "more than 20,000 characters"),
        ("a**", "a repetition is repeated"),
        ("*a", "nothing that it could repeat"),
        ("a{,3}", "begins no repetition"),
        ("a{3,1}", "wrong way round"),
        ("[z-a]", "wrong way round"),
        ("[a", "ends in the middle"),
        ("(a", "without its `)`"),
        ("a)", "a `)` too many"),
        (r"a\b", r"`\b`, which is not supported"),
        (r"(a)\1", r"`\1`, which is not supported"),
        (r"\ud800", "no character"),
        ("(?i)a", "no flags"),
        ("[[a]]", "a class inside a class"),
    ],
)
def test_expressions_that_are_refused(constraints: Constraints, pattern: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match="`regex`") as refusal:
        constraints.matcher(Grammar(kind="regex", text=pattern))
    assert says in str(refusal.value)


SPECIAL = "<jupyter_code>"


def test_a_mark_is_a_special_token_where_there_is_one(constraints: Constraints) -> None:
    matcher = constraints.matcher(Grammar(kind="lark", text=f'start: %mark "{SPECIAL}" "a" | %mark "<call>" "b"'))
    control = special_token()
    letters = sampling.single_bytes()
    assert matcher.allows([control, letters[ord("a")], smollm2().eos]) == 3
    assert not sampling.accepts(matcher, f"{SPECIAL}a")
    assert sampling.accepts(matcher, "<call>b")


def test_text_up_to_a_mark(constraints: Constraints) -> None:
    matcher = constraints.matcher(Grammar(kind="lark", text='start: ("<t>" %until "</t>")? "<call>" /[0-9]+/'))
    right = ["<call>1", "<t>so </t<call> and\n</t><call>22"]
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    wrong = ["so <call>1", "<t>so<call>1", "<t>so</t>x<call>1", "<t></t></t><call>1"]
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []
    special = constraints.matcher(Grammar(kind="lark", text=f'start: %until "{SPECIAL}" "b"'))
    tokens = [*smollm2().tokenize("any text"), special_token(), *smollm2().tokenize("b"), smollm2().eos]
    assert special.allows(tokens) == len(tokens)


def test_a_word_that_is_a_special_token_triggers_as_such(constraints: Constraints) -> None:
    triggers = [Trigger(kind="word", value=SPECIAL)]
    matcher = constraints.matcher(Grammar(kind="lark", text=f'start: %mark "{SPECIAL}" /[0-9]+/', triggers=triggers))
    matcher.accept(smollm2().tokenize("hm")[0])
    assert not matcher.is_constrained
    matcher.accept(special_token())
    assert matcher.is_constrained
    assert matcher.allows([sampling.single_bytes()[ord("7")]]) == 1


def special_token() -> int:
    return next(token for token in range(smollm2().n_vocab) if smollm2().token_bytes(token) == SPECIAL.encode())


@pytest.mark.parametrize("text", ["start: %mark x", 'start: %until "\\q"', "start: %mark", "start: %loose 5"])
def test_marks_that_are_refused(constraints: Constraints, text: str) -> None:
    with pytest.raises(InvalidRequest, match="`grammar`"):
        constraints.matcher(Grammar(kind="lark", text=text))
