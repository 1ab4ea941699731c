"""All families: what the grammar lets through is what the reader reads, wherever the text is cut."""

import json
import time
from itertools import product

import pytest

from runtime.chat import Conversation, Form, Tool, find
from runtime.engine.constraints import Constraints, Matcher
from runtime.engine.protocol import Grammar
from tests.runtime.chat.asking import calls_of, read, said, thought, tools_and_calls
from tests.runtime.chat.families import SAMPLES, Sample
from tests.runtime.chat.vocabularies import Bytes

TAGGED = ("qwen-coder", "seed", "minimax", "minicpm", "glm", "deepseek-dsml", "gemma4")
"""Strings stand without quotes there, and so cannot hold the mark of their end."""
WHOLE = ("llama", "generic", "harmony", "functionary-3.2")
"""A call is the whole answer there, or a message of its own."""
N_SEEDS = 12

each = pytest.mark.parametrize("sample", SAMPLES, ids=[f"{one.form}-{index}" for index, one in enumerate(SAMPLES)])


def asked(
    sample: Sample, seed: int = 1, n_calls: int = 2, quotes: bool = True, **more: object
) -> tuple[Form, Conversation, list[object]]:
    n_calls = n_calls if sample.many else 1
    tools, calls = tools_and_calls(seed, n_calls, quotes=quotes and sample.form not in TAGGED)
    conversation = Conversation(messages=[{"role": "user", "content": "Hi"}], tools=tools, **more)  # type: ignore[arg-type]
    return find(sample.template), conversation, calls  # type: ignore[return-value]


def answer_of(sample: Sample, calls: list[object]) -> str:
    """Return a thought, some text, and the calls."""
    begin, end = sample.thought or ("", "")
    opened = "" if sample.prompt.strip() == begin and begin else begin
    if sample.form == "harmony":
        before = "<|channel|>analysis<|message|>I see <tools>.<|end|><|start|>assistant"
    elif sample.thought:
        before = f"{opened}\nI see <tools>.\n{end}\n\n"
    else:
        before = ""
    return before + sample.write(calls)  # type: ignore[arg-type]


@each
def test_a_family_is_known_by_its_template(sample: Sample) -> None:
    assert find(sample.template).name == sample.form


@each
def test_calls_are_accepted_by_the_grammar_and_read_back(sample: Sample) -> None:
    """With marks as text and as tokens of their own, which no string can hold."""
    for seed in range(N_SEEDS):
        as_tokens = bool(seed % 2)
        form, conversation, calls = asked(sample, seed, 1 + seed % 3, quotes=not as_tokens, choice="required")
        prepared = form.prepare(conversation, None)
        answer = sample.write(calls)  # type: ignore[arg-type]
        thoughtful = f"{sample.prompt and 'hm</think>' if sample.thought else ''}{answer}"
        assert prepared.grammar is not None
        vocabulary = Bytes(prepared.shown if as_tokens else [])
        check(Constraints(vocabulary).matcher(prepared.grammar), vocabulary, thoughtful)
        pieces = read(form, conversation, sample.prompt, [thoughtful])
        assert calls_of(pieces) == calls
        assert said(pieces) == ""


def check(matcher: Matcher, vocabulary: Bytes, answer: str) -> None:
    tokens = [*vocabulary.with_marks(answer), vocabulary.eos]
    n_allowed = matcher.allows(tokens)
    assert n_allowed == len(tokens), answer[: max(0, n_allowed - 1)]


@each
def test_a_thought_may_come_first(sample: Sample) -> None:
    form, conversation, calls = asked(sample, choice="required")
    prepared = form.prepare(conversation, None)
    answer = answer_of(sample, calls)
    vocabulary = Bytes(prepared.shown)
    assert prepared.grammar
    check(Constraints(vocabulary).matcher(prepared.grammar), vocabulary, answer)
    pieces = read(form, conversation, sample.prompt, [answer])
    assert calls_of(pieces) == calls
    if sample.thought or sample.form == "harmony":
        assert thought(pieces) == "I see <tools>."


@each
def test_any_cut_gives_the_same(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=5)
    answer = answer_of(sample, calls)
    whole = read(form, conversation, sample.prompt, [answer])
    assert calls_of(whole) == calls
    assert read(form, conversation, sample.prompt, list(answer)) == whole
    for at in range(len(answer)):
        assert read(form, conversation, sample.prompt, [answer[:at], answer[at:]]) == whole, at


@each
def test_an_answer_that_was_cut_off_loses_nothing_that_was_read(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=3)
    answer = answer_of(sample, calls)
    for at in range(len(answer)):
        pieces = read(form, conversation, sample.prompt, [answer[:at]])
        names = [piece.name for piece in pieces if hasattr(piece, "name")]
        assert names == [name for name, _ in calls][: len(names)]  # type: ignore[misc]


@each
def test_a_free_answer_becomes_a_call_at_its_mark(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=2)
    prepared = form.prepare(conversation, None)
    vocabulary = Bytes(prepared.shown)
    assert prepared.grammar
    assert prepared.grammar.triggers
    matcher = Constraints(vocabulary).matcher(prepared.grammar)
    for token in vocabulary.with_marks(answer_of(sample, calls)):
        matcher.accept(token)
    assert matcher.is_constrained
    assert matcher.may_end


@each
def test_one_call_where_no_more_are_wanted(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=4, choice="required", parallel=False)
    grammar = form.prepare(conversation, None).grammar
    vocabulary = Bytes()
    head = "hm</think>" if sample.prompt.startswith("<think>") else ""
    assert grammar
    matcher = Constraints(vocabulary).matcher(grammar)
    check(matcher, vocabulary, head + sample.write(calls[:1]))  # type: ignore[arg-type]
    if sample.many:
        tokens = vocabulary.with_marks(head + sample.write(calls))  # type: ignore[arg-type]
        assert matcher.allows([*tokens, vocabulary.eos]) <= len(tokens)


@each
def test_only_the_named_tool_may_be_called(sample: Sample) -> None:
    form, conversation, _ = asked(sample, seed=7)
    name = conversation.tools[0].name
    named = Conversation(messages=conversation.messages, tools=conversation.tools, named=name)
    grammar = form.prepare(named, None).grammar
    assert grammar
    assert not grammar.triggers
    assert all(tool.name == name or f'"{tool.name}"' not in grammar.text for tool in conversation.tools)


@each
def test_without_tools_everything_is_text(sample: Sample) -> None:
    form, conversation, _ = asked(sample, choice="none")
    prepared = form.prepare(conversation, None)
    assert prepared.grammar is None
    assert prepared.chat.tools == []
    text = "Well, <tool> is {nothing} >>> at all.\n"
    frame = {"functionary-3.2": "all\n", "harmony": "<|channel|>final<|message|>"}.get(sample.form, "")
    prompt = "" if sample.prompt.startswith("<think>") else sample.prompt
    assert said(read(form, conversation, prompt, list(frame + text))).strip() == text.strip()


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.form not in WHOLE], ids=lambda one: one.form)
def test_text_before_calls(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=6)
    pieces = read(form, conversation, "", ["Let me see.\n\n", sample.write(calls), "\n"])  # type: ignore[arg-type]
    assert said(pieces) == "Let me see."
    assert calls_of(pieces) == calls


@each
def test_an_answer_of_a_schema_or_a_call(sample: Sample) -> None:
    form, conversation, calls = asked(sample, seed=8)
    wanted = Grammar(kind="json_schema", text=json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}}))
    grammar = form.prepare(conversation, wanted).grammar
    vocabulary = Bytes()
    head = "hm</think>" if sample.prompt.startswith("<think>") else ""
    frame = {"functionary-3.2": "all\n", "harmony": "<|channel|>final<|message|>"}.get(sample.form, "")
    assert grammar
    matcher = Constraints(vocabulary).matcher(grammar)
    check(matcher, vocabulary, head + sample.write(calls))  # type: ignore[arg-type]
    check(matcher, vocabulary, head + frame + '{"a": 1}')
    alone = form.prepare(Conversation(messages=[]), wanted).grammar
    assert alone
    check(Constraints(vocabulary).matcher(alone), vocabulary, head + frame + '{"a": 1}')


@each
def test_garbage_takes_time_that_grows_with_its_length(sample: Sample) -> None:
    form, conversation, calls = asked(sample)
    call = sample.write(calls)  # type: ignore[arg-type]
    for unit in ("x" * 50, call[: len(call) // 3], call[: len(call) // 2], "{" * 30, "<" * 30, "\n" * 30, '"\\' * 20):
        garbage = (unit * (100_000 // len(unit) + 1))[:100_000]
        begun = time.process_time()
        reader = form.reader(conversation, sample.prompt)
        for at in range(0, len(garbage), 16):
            reader.push(garbage[at : at + 16])
        reader.finish()
        assert time.process_time() - begun < 1.5, unit


KEYWORDS = ("type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "nullable", "properties", "required", "$defs")
NONSENSE = (None, 5, "x", [], {}, True, [{}], [{"type": "string"}], {"type": [{}]})


@each
def test_a_false_schema_breaks_nothing(sample: Sample) -> None:
    form = find(sample.template)
    for keyword, value in product(KEYWORDS, NONSENSE):
        tool = Tool("add", "", {"properties": {"a": {keyword: value}}, keyword: value})
        conversation = Conversation(messages=[], tools=[tool], choice="required")
        assert form.prepare(conversation, None).grammar
        assert calls_of(read(form, conversation, "", [sample.write([("add", {"a": "x"})])]))


@each
def test_a_schema_that_holds_itself_often_takes_no_time(sample: Sample) -> None:
    endless = {"anyOf": [{"$ref": "#/$defs/a"}] * 1000}
    tool = Tool("add", "", {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": endless}})
    begun = time.process_time()
    find(sample.template).prepare(Conversation(messages=[], tools=[tool], choice="required"), None)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("answer", ['{"name": "Oslo", "arguments": {"n": 1}}', '{"name": "Oslo", "age": 5}'])
def test_without_a_mark_other_json_is_text(answer: str) -> None:
    conversation = Conversation(messages=[], tools=[Tool("add")])
    assert said(read(find(""), conversation, "", list(answer))) == answer
    assert said(read(find("tools <tool_call>"), conversation, "", list(answer))) == answer


FENCED = """```json
{
  "name": "add",
  "arguments": {
    "a": 1
  }
}
{"name": "add", "arguments": {"a": 2}}
```"""


@pytest.mark.parametrize("answer", [FENCED, FENCED[8:-4]], ids=["fenced", "bare"])
def test_hermes_reads_calls_without_marks_at_the_beginning(answer: str) -> None:
    """As Qwen2.5-Coder writes them, word for word."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    conversation = Conversation(messages=[], tools=[Tool("add", "", schema), Tool("say")])
    form = find("tools <tool_call>")
    expected = [("add", {"a": 1}), ("add", {"a": 2})]
    for parts in ([answer], list(answer)):
        pieces = read(form, conversation, "", parts)
        assert (calls_of(pieces), said(pieces)) == (expected, "")
    prepared = form.prepare(conversation, None)
    assert prepared.grammar
    vocabulary = Bytes(prepared.shown)
    matcher = Constraints(vocabulary).matcher(prepared.grammar)
    for token in vocabulary.with_marks(answer):
        matcher.accept(token)
    assert matcher.is_constrained
    assert matcher.may_end
    free = Constraints(vocabulary).matcher(prepared.grammar)
    for token in vocabulary.with_marks('```json\n{"name": "Ada", "age": 36}\n```'):
        free.accept(token)
    assert not free.is_constrained
