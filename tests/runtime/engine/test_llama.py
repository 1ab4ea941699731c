"""The llama.cpp backend with a real model: what it says, what it refuses, how it goes back."""

import ctypes
import math
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest

from runtime.engine.backend import Interrupted, InvalidRequest, Work
from runtime.engine.backends import llama_model, llama_sampling
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.backends.llama_native import Native
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Sampling
from runtime.errors import EngineFailed
from tests.models import smollm2_gguf

GREEDY = Sampling(temperature=0.0)
PROMPT = "The capital city of France is"
N_VOCAB = 49152


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf())


@pytest.fixture(autouse=True)
def forgotten(backend: LlamaBackend) -> Iterator[None]:
    backend.resume()
    backend.keep(0, 0)
    yield


def load(path: Path, **settings: object) -> LlamaBackend:
    config = WorkerConfig(model_path=str(path), n_ctx=1024, n_threads=1, **settings)  # type: ignore[arg-type]
    return LlamaBackend(llama_model.load(config, lambda _: None))


def say(
    backend: LlamaBackend, prompt: list[int], n_tokens: int, sampling: Sampling = GREEDY, n_past: int = 0
) -> list[int]:
    """Continue `prompt`, whose first `n_past` tokens are in memory."""
    sampler = backend.sampler(sampling, 0, prompt)
    said: list[int] = []
    tokens = prompt[n_past:]
    while len(said) < n_tokens:
        (drawn,) = backend.run([Work(0, tokens, n_past, sampler)])
        assert drawn
        n_past += len(tokens)
        said.append(drawn.token)
        tokens = [drawn.token]
    sampler.close()
    return said


def by_hand(native: Native, backend: LlamaBackend, prompt: list[int], n_tokens: int) -> list[int]:
    """The same with nothing of ours but the declarations: the highest logit, token by token."""
    context = backend._context.handle
    native.llama_memory_seq_rm(backend._context.memory, 0, -1, -1)
    said: list[int] = []
    tokens = prompt
    n_past = 0
    batch = native.llama_batch_init(len(prompt), 0, 1)
    while len(said) < n_tokens:
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, n_past + i, 1
            batch.logits[i] = i == len(tokens) - 1
            batch.seq_id[i][0] = 0
        batch.n_tokens = len(tokens)
        assert native.llama_decode(context, batch) == 0
        n_past += len(tokens)
        logits = native.llama_get_logits_ith(context, len(tokens) - 1)[:N_VOCAB]
        tokens = [max(range(N_VOCAB), key=logits.__getitem__)]
        said += tokens
    native.llama_memory_seq_rm(backend._context.memory, 0, -1, -1)
    return said


def test_facts(backend: LlamaBackend) -> None:
    facts = backend.facts
    assert (facts.architecture, facts.file_type, facts.n_ctx, facts.n_ctx_train) == ("llama", "Q4_1", 1024, 8192)
    assert (facts.n_vocab, facts.n_embd, facts.parameters) == (N_VOCAB, 576, 134_515_008)
    assert (facts.bos_token, facts.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert "You are a helpful AI assistant named SmolLM" in facts.chat_template
    assert facts.cpu_variant not in ("", "generic")
    assert facts.n_threads >= 1 and facts.accelerators == []


def test_greedy_is_the_highest_logit(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    assert say(backend, prompt, 8) == by_hand(backend._native, backend, prompt, 8)


def test_it_knows_the_capital(backend: LlamaBackend) -> None:
    said = say(backend, backend.tokenize(PROMPT), 3)
    assert b"".join(map(backend.piece, said)).startswith(b" Paris")


def test_going_back_gives_the_same_as_starting_over(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    fresh = say(backend, prompt, 6)
    for n_kept in (len(prompt) - 1, 2, 1):
        assert backend.keep(0, n_kept) == n_kept
        assert say(backend, prompt, 6, n_past=n_kept) == fresh


def test_keep_never_keeps_more_than_there_is(backend: LlamaBackend) -> None:
    say(backend, [1, 2, 3], 1)
    assert (backend.keep(0, 99), backend.keep(0, 2), backend.keep(0, 3), backend.keep(0, 0)) == (3, 2, 2, 0)


def test_computing_from_a_wrong_place_is_refused(backend: LlamaBackend) -> None:
    sampler = backend.sampler(GREEDY, 0, [1])
    with pytest.raises(EngineFailed, match="holds 0"):
        backend.run([Work(0, [1], 5, sampler)])
    sampler.close()


def test_a_seed_gives_the_same_again(backend: LlamaBackend) -> None:
    answers = []
    for seed in (42, 42, 43):
        backend.keep(0, 0)
        answers.append(say(backend, backend.tokenize("Once"), 8, Sampling(temperature=1.5, seed=seed)))
    assert answers[0] == answers[1] != answers[2]


def test_without_a_seed_one_is_drawn_and_told(backend: LlamaBackend) -> None:
    samplers = [backend.sampler(Sampling(), 0, []) for _ in range(3)]
    assert len({sampler.seed for sampler in samplers}) == 3
    for sampler in samplers:
        sampler.close()
        sampler.close()


def test_probabilities_are_those_of_the_logits(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    sampler = backend.sampler(GREEDY, 5, prompt)
    (drawn,) = backend.run([Work(0, prompt, 0, sampler)])
    logits = backend._native.llama_get_logits_ith(backend._context.handle, len(prompt) - 1)[:N_VOCAB]
    total = math.log(math.fsum(map(math.exp, logits)))
    best = sorted(range(N_VOCAB), key=logits.__getitem__, reverse=True)[:5]
    assert drawn and drawn.probability
    assert drawn.probability.id == drawn.token == best[0]
    assert [top.id for top in drawn.probability.top_logprobs] == best
    for top in (drawn.probability, *drawn.probability.top_logprobs):
        assert top.logprob == pytest.approx(logits[top.id] - total, abs=1e-3)
        assert bytes(top.bytes) == backend.piece(top.id)
    sampler.close()


def test_as_many_probabilities_as_there_are_tokens(backend: LlamaBackend) -> None:
    sampler = backend.sampler(GREEDY, 1 << 18, [1])
    (drawn,) = backend.run([Work(0, [1], 0, sampler)])
    assert drawn and drawn.probability
    assert len(drawn.probability.top_logprobs) == N_VOCAB
    sampler.close()


def test_a_bias_bans_and_forces(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    (first,) = say(backend, prompt, 1)
    backend.keep(0, 0)
    (other,) = say(backend, prompt, 1, Sampling(temperature=0.0, logit_bias=[(first, -math.inf)]))
    backend.keep(0, 0)
    forced = say(backend, prompt, 3, Sampling(temperature=0.0, logit_bias=[(1000, 1e9)]))
    assert other != first
    assert forced == [1000] * 3


def test_the_end_of_the_turn_can_be_ignored(backend: LlamaBackend) -> None:
    prompt = backend.tokenize("<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes.")
    (end,) = say(backend, prompt, 1)
    assert backend.is_end(end) and backend.piece(end) == b""
    backend.keep(0, 0)
    said = say(backend, prompt, 12, Sampling(temperature=0.0, ignore_eos=True))
    assert not any(map(backend.is_end, said))


def test_penalties_look_at_the_prompt(backend: LlamaBackend) -> None:
    prompt = backend.tokenize("one two one two one two one two one")
    plain = say(backend, prompt, 1)
    backend.keep(0, 0)
    penalised = say(backend, prompt, 1, Sampling(temperature=0.0, repeat_penalty=10.0))
    assert plain != penalised


@pytest.mark.parametrize("token", [-1, N_VOCAB, 1_000_000])
def test_token_ids_are_checked_before_native_code_sees_them(backend: LlamaBackend, token: int) -> None:
    with pytest.raises(InvalidRequest):
        backend.piece(token)
    with pytest.raises(InvalidRequest):
        backend.sampler(Sampling(logit_bias=[(token, 1.0)]), 0, [])


@pytest.mark.parametrize("name", llama_sampling.RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -(2**31), 2**62])
def test_numbers_out_of_range_are_refused_and_never_reach_native_code(
    backend: LlamaBackend, name: str, value: float
) -> None:
    low, high = llama_sampling.RANGES[name]
    if low <= value <= high:
        return
    with pytest.raises(InvalidRequest, match=name):
        backend.sampler(Sampling(**{name: value}), 0, [])


@pytest.mark.parametrize("name", llama_sampling.RANGES)
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("mirostat", [0, 1, 2])
def test_the_ends_of_every_range_draw_a_token(backend: LlamaBackend, name: str, end: int, mirostat: int) -> None:
    bound = llama_sampling.RANGES[name][end]
    value = int(bound) if isinstance(getattr(Sampling(), name), int) else float(bound)
    others = {"dry_multiplier": 0.5, "repeat_penalty": 1.1, "dynatemp_range": 0.1, "xtc_probability": 0.5}
    sampling = Sampling(**{**others, "mirostat": mirostat, "seed": 1, name: value})  # type: ignore[arg-type]
    assert 0 <= say(backend, [1, 2, 1, 2], 1, sampling)[0] < N_VOCAB


def test_strange_text_becomes_tokens(backend: LlamaBackend) -> None:
    for text in ("", " ", "\0", "a\0b", "\ud800", "😀" * 50, "\u202e", "<|im_start|>", "x" * 5000):
        assert all(0 <= token < N_VOCAB for token in backend.tokenize(text))
    assert backend.tokenize("<|im_start|>") == [1]


def test_text_survives_the_tokens(backend: LlamaBackend) -> None:
    text = "Grüße, 世界! 😀\n\tint x = 0;"
    assert b"".join(map(backend.piece, backend.tokenize(text))).decode() == text


def test_an_interrupt_ends_a_computation_at_once(backend: LlamaBackend) -> None:
    work = [Work(0, [1] * 500, 0, None)]
    Timer(0.01, backend.interrupt).start()
    started = monotonic()
    with pytest.raises(Interrupted):
        for _ in range(100):
            backend.run(work)
            backend.keep(0, 0)
    assert monotonic() - started < 20
    with pytest.raises(Interrupted):
        backend.run(work)
    backend.resume()
    assert say(backend, backend.tokenize(PROMPT), 2)


def test_after_an_interrupt_the_memory_is_as_before(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    fresh = say(backend, prompt, 4)
    backend.keep(0, 3)
    backend.interrupt()
    with pytest.raises(Interrupted):
        backend.run([Work(0, prompt[3:], 3, None)])
    backend.resume()
    assert backend.keep(0, 3) == 3
    assert say(backend, prompt, 4, n_past=3) == fresh


def test_a_model_inside_another_file_says_the_same(backend: LlamaBackend, tmp_path: Path) -> None:
    path = tmp_path / "with spaces ü.bin"
    model = smollm2_gguf().read_bytes()
    with path.open("wb") as file:
        file.write(b"\xaa" * 65536 + model + b"\xbb" * 100_000)
    config = WorkerConfig(model_path=str(path), offset=65536, size=len(model), n_ctx=256, n_threads=1)
    inside = LlamaBackend(llama_model.load(config, lambda _: None))
    prompt = backend.tokenize(PROMPT)
    assert say(inside, prompt, 5) == say(backend, prompt, 5)


def test_the_vocabulary_is_asked_with_what_it_has(backend: LlamaBackend) -> None:
    n_tokens = ctypes.c_int32()
    backend._native.llama_vocab_get_suppress_tokens(backend._vocab, ctypes.byref(n_tokens))
    assert n_tokens.value == 0
