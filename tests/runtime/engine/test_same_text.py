"""A greedy answer is the same whatever runs beside it and wherever its prompt was computed, or forks at a near tie."""

import json
from pathlib import Path

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Grammar, SlotDone, TokenProbability
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import Answer, Engine, load

SUBJECTS = (
    "the sea", "a bridge", "two friends", "winter", "the moon", "bread", "a clock", "the fox",
    "an old king", "music", "rivers", "a garden", "the library", "iron", "a letter", "the desert",
)  # fmt: skip
SYSTEM = (
    "You are a careful writer. You answer in plain words, you never repeat yourself, and you like short sentences. "
)
PROMPTS = [f"{SYSTEM}Write about {subject}:" for subject in SUBJECTS]
N_TOKENS = 10
N_CTX = 2048


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf(), n_ctx=N_CTX, n_parallel=16)


@pytest.fixture(scope="module")
def alone(backend: LlamaBackend) -> list[Answer]:
    """Each prompt by itself, with nothing from before."""
    return [Engine(backend).answer(prompt, N_TOKENS, cache_prompt=False) for prompt in PROMPTS]


@pytest.fixture
def engine(backend: LlamaBackend, alone: list[Answer]) -> Engine:
    """An empty one; `alone` comes first, since it is computed in the same memory."""
    return Engine(backend)


def test_in_a_batch_of_sixteen(engine: Engine, alone: list[Answer]) -> None:
    numbers = [engine.ask(prompt, N_TOKENS, cache_prompt=False) for prompt in PROMPTS]
    engine.run()
    assert [engine.said(number) for number in numbers] == alone
    assert engine.scheduler._n_steps < 3 * N_TOKENS


def test_on_a_shared_prefix(engine: Engine, alone: list[Answer]) -> None:
    numbers = [engine.ask(prompt, N_TOKENS) for prompt in PROMPTS]
    engine.run()
    assert [engine.said(number) for number in numbers] == alone
    assert sum(engine.last(number).timings.cache_n > 15 for number in numbers) == len(PROMPTS) - 1
    assert engine.answer(PROMPTS[3], N_TOKENS) == alone[3]
    assert engine.last(engine.n_asked).timings.prompt_n == 1


def test_after_cancels(engine: Engine, alone: list[Answer]) -> None:
    for turn in range(3):
        numbers = [engine.ask(prompt, N_TOKENS) for prompt in PROMPTS]
        engine.step(2 + 2 * turn)
        for number in numbers:
            if number % 3:
                engine.inbox.cancel(number)
    engine.run()
    assert [engine.answer(prompt, N_TOKENS) for prompt in PROMPTS[:6]] == alone[:6]
    assert all(running is None for running in (slot.request for slot in engine.inspect().slots))


def test_after_an_interrupted_step(engine: Engine, alone: list[Answer]) -> None:
    number = engine.ask(PROMPTS[0], N_TOKENS)
    engine.step(3)
    resume, engine.backend.resume = engine.backend.resume, lambda: None  # type: ignore[method-assign]
    engine.backend.interrupt()
    engine.step()
    engine.backend.resume = resume  # type: ignore[method-assign]
    engine.run()
    assert engine.said(number) == alone[0]


def test_after_save_and_restore(engine: Engine, backend: LlamaBackend, alone: list[Answer], tmp_path: Path) -> None:
    engine.answer(PROMPTS[5], N_TOKENS, slot=2)
    saved = engine.act(100, 2, "save", tmp_path / "slot")
    assert isinstance(saved, SlotDone) and saved.n_bytes == (tmp_path / "slot").stat().st_size
    other = Engine(backend)
    restored = other.act(100, 0, "restore", tmp_path / "slot")
    assert isinstance(restored, SlotDone) and restored.n_tokens == saved.n_tokens
    assert other.answer(PROMPTS[5], N_TOKENS) == alone[5]
    assert other.last(1).timings.prompt_n == 1


@pytest.mark.parametrize("n_shared", [0, 1])
def test_while_long_prompts_are_read_beside_it(engine: Engine, alone: list[Answer], n_shared: int) -> None:
    number = engine.ask(PROMPTS[7], N_TOKENS)
    engine.step(2)
    engine.ask(PROMPTS[7] * n_shared + "word and another word, " * 60, 1)
    engine.run()
    assert engine.said(number) == alone[7]


def test_from_token_ids(engine: Engine, alone: list[Answer]) -> None:
    assert engine.answer(engine.backend.tokenize(PROMPTS[1]), N_TOKENS) == alone[1]


def test_the_same_steps_give_the_same_bits(backend: LlamaBackend) -> None:
    told = []
    for _ in range(2):
        engine = Engine(backend)
        numbers = [engine.ask(prompt, 6) for prompt in PROMPTS[:5]]
        engine.run()
        told.append([one.logprob for number in numbers for one in engine.said(number).told])
    assert told[0] == told[1]


def test_guesses_change_nothing(backend: LlamaBackend) -> None:
    text = "The cat sat on the mat. The dog sat on the log. The bird sat on the branch. "
    prompt = f"{text}\nAgain, word by word: {text[:25]}"
    plain = Engine(backend).answer(prompt, 40)
    engine = Engine(backend, n_draft=8)
    beside = engine.ask(PROMPTS[2], N_TOKENS)
    assert engine.answer(prompt, 40) == plain
    assert engine.last(2).timings.draft_n_accepted > 0
    assert engine.said(beside) == Engine(backend).answer(PROMPTS[2], N_TOKENS)


def test_an_answer_by_a_schema_beside_free_ones(engine: Engine, alone: list[Answer]) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    free = [engine.ask(prompt, N_TOKENS) for prompt in PROMPTS[:4]]
    bound = engine.ask("A person as JSON: ", 60, grammar=Grammar(kind="json_schema", text=json.dumps(schema)))
    free += [engine.ask(prompt, N_TOKENS) for prompt in PROMPTS[4:6]]
    engine.run()
    person = json.loads(engine.text(bound))
    assert set(person) == {"name", "age"} and isinstance(person["age"], int)
    assert engine.last(bound).reason == "stop"
    assert [engine.said(number) for number in free] == alone[:6]


@pytest.mark.parametrize("n_prompt", [N_CTX - 1, N_CTX, N_CTX + 1])
def test_prompts_as_long_as_the_context(backend: LlamaBackend, n_prompt: int) -> None:
    small = Engine(load(smollm2_gguf(), n_ctx=256))
    n_prompt += 256 - N_CTX
    number = small.ask([504] * n_prompt, -1)
    small.run()
    if n_prompt < 256:
        assert (len(small.tokens(number)), small.last(number).truncated) == (1, True)
    else:
        failed = small.failure(number)
        assert (failed.kind, failed.n_prompt, failed.n_ctx) == ("context", n_prompt, 256)


def test_an_empty_prompt(engine: Engine) -> None:
    number = engine.ask("")
    engine.run()
    assert (engine.last(number).reason, engine.tokens(number)) == ("stop", [])


def test_more_than_the_memory_holds_at_once() -> None:
    small = Engine(load(smollm2_gguf(), n_ctx=256, n_parallel=4))
    fresh = [small.answer(prompt, 40, cache_prompt=False) for prompt in PROMPTS[:3]]
    numbers = [
        small.ask([*small.backend.tokenize(prompt), *[504] * 40][:60], 40, cache_prompt=False) for prompt in PROMPTS[:6]
    ]
    numbers += [small.ask(prompt, 40, cache_prompt=False) for prompt in PROMPTS[:3]]
    small.run()
    assert [small.said(number) for number in numbers[6:]] == fresh
    assert all(len(small.tokens(number)) == 40 or small.last(number).reason == "stop" for number in numbers)


def test_what_a_fork_at_a_near_tie_is() -> None:
    """So that the comparison of this module cannot be true of everything."""

    def told(*gaps: float) -> list[TokenProbability]:
        one = TokenProbability(id=1, token="", bytes=[], logprob=0.0)
        return [
            TokenProbability(
                id=1, token="", bytes=[], logprob=0.0,
                top_logprobs=[one, TokenProbability(id=2, token="", bytes=[], logprob=-gap)],
            )
            for gap in gaps
        ]  # fmt: skip

    assert Answer([1, 2, 3], told(1, 1, 1)) == Answer([1, 2, 3], told(1, 1, 1))
    assert Answer([1, 2, 3], told(1, 1, 1)) != Answer([1, 9, 3], told(1, 1, 1))
    assert Answer([1, 2, 3], told(1, 0.01, 1)) == Answer([1, 9, 9], told(1, 0.01, 1))
    assert Answer([1, 2, 3], told(1, 1, 1)) != Answer([1, 2], told(1, 1))
