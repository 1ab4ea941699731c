"""The llama.cpp backend with a real model: what it says, what it refuses, how it goes back."""

import ctypes
import math
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest

from runtime.engine.backend import Interrupted, InvalidRequest, Work
from runtime.engine.backends import llama_sampling
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.backends.llama_memory import LlamaMemory
from runtime.engine.backends.llama_native import Native
from runtime.engine.protocol import Sampling
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import load, request, say

PROMPT = "The capital city of France is"
N_VOCAB = 49152


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf())


@pytest.fixture
def memory(backend: LlamaBackend) -> LlamaMemory:
    return backend.open(())


@pytest.fixture(autouse=True)
def forgotten(backend: LlamaBackend) -> Iterator[None]:
    backend.resume()
    yield
    for sequence in range(backend.open(()).n_sequences):
        backend.open(()).forget(sequence)


def by_hand(native: Native, memory: LlamaMemory, prompt: list[int], n_tokens: int) -> list[int]:
    """The same with nothing of ours but the declarations: the highest logit, token by token."""
    context = memory.context.handle
    memory.forget(0)
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
    return said


def test_facts(backend: LlamaBackend) -> None:
    facts = backend.facts
    assert (facts.architecture, facts.file_type, facts.n_ctx, facts.n_ctx_train) == ("llama", "Q4_1", 1024, 8192)
    assert (facts.n_vocab, facts.n_embd, facts.parameters) == (N_VOCAB, 576, 134_515_008)
    assert (facts.bos_token, facts.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert "You are a helpful AI assistant named SmolLM" in facts.chat_template
    assert facts.cpu_variant not in ("", "generic")
    assert facts.n_threads >= 1 and facts.accelerators == []


def test_greedy_is_the_highest_logit(backend: LlamaBackend, memory: LlamaMemory) -> None:
    prompt = backend.tokenize(PROMPT)
    assert say(backend, prompt, 8) == by_hand(backend._native, memory, prompt, 8)


def test_it_knows_the_capital(backend: LlamaBackend) -> None:
    said = say(backend, backend.tokenize(PROMPT), 3)
    assert b"".join(map(backend.piece, said)).startswith(b" Paris")


def test_going_back_gives_the_same_as_starting_over(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    fresh = say(backend, prompt, 6)
    for n_kept in (len(prompt) - 1, 2, 1):
        assert say(backend, prompt, 6, n_held=n_kept) == fresh


def test_what_another_sequence_has_computed_gives_the_same(backend: LlamaBackend, memory: LlamaMemory) -> None:
    prompt = backend.tokenize(PROMPT)
    fresh = say(backend, prompt, 6)
    memory.share(0, 1, 0, len(prompt) - 1)
    memory.forget(0)
    memory.share(1, 0, 0, len(prompt) - 1)
    assert say(backend, prompt, 6, n_held=len(prompt) - 1) == fresh


def test_a_seed_gives_the_same_again(backend: LlamaBackend) -> None:
    answers = []
    for seed in (42, 42, 43):
        answers.append(say(backend, backend.tokenize("Once"), 8, Sampling(temperature=1.5, seed=seed)))
    assert answers[0] == answers[1] != answers[2]


def test_without_a_seed_one_is_drawn_and_told(backend: LlamaBackend) -> None:
    samplers = [backend.sampler(request(sampling=Sampling()), []) for _ in range(3)]
    assert len({sampler.seed for sampler in samplers}) == 3
    for sampler in samplers:
        sampler.close()
        sampler.close()


def test_probabilities_are_those_of_the_logits(backend: LlamaBackend, memory: LlamaMemory) -> None:
    prompt = backend.tokenize(PROMPT)
    sampler = backend.sampler(request(n_probs=5), prompt)
    ((drawn,),) = backend.run(memory, [Work(0, prompt, 0, sampler)])
    logits = backend._native.llama_get_logits_ith(memory.context.handle, len(prompt) - 1)[:N_VOCAB]
    total = math.log(math.fsum(map(math.exp, logits)))
    best = sorted(range(N_VOCAB), key=logits.__getitem__, reverse=True)[:5]
    assert drawn.probability
    assert drawn.probability.id == drawn.token == best[0]
    assert [top.id for top in drawn.probability.top_logprobs] == best
    for top in (drawn.probability, *drawn.probability.top_logprobs):
        assert top.logprob == pytest.approx(logits[top.id] - total, abs=1e-3)
        assert bytes(top.bytes) == backend.piece(top.id)
    sampler.close()


def test_as_many_probabilities_as_there_are_tokens(backend: LlamaBackend, memory: LlamaMemory) -> None:
    sampler = backend.sampler(request(n_probs=1 << 18), [1])
    ((drawn,),) = backend.run(memory, [Work(0, [1], 0, sampler)])
    assert drawn.probability
    assert len(drawn.probability.top_logprobs) == N_VOCAB
    sampler.close()


def test_a_bias_bans_and_forces(backend: LlamaBackend) -> None:
    prompt = backend.tokenize(PROMPT)
    (first,) = say(backend, prompt, 1)
    (other,) = say(backend, prompt, 1, Sampling(temperature=0.0, logit_bias=[(first, -math.inf)]))
    forced = say(backend, prompt, 3, Sampling(temperature=0.0, logit_bias=[(1000, 1e9)]))
    assert other != first
    assert forced == [1000] * 3


def test_the_end_of_the_turn_can_be_ignored(backend: LlamaBackend) -> None:
    prompt = backend.tokenize("<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes.")
    (end,) = say(backend, prompt, 1)
    assert backend.is_end(end) and backend.piece(end) == b""
    said = say(backend, prompt, 12, Sampling(temperature=0.0, ignore_eos=True))
    assert not any(map(backend.is_end, said))


def test_penalties_look_at_the_prompt(backend: LlamaBackend) -> None:
    prompt = backend.tokenize("one two one two one two one two one")
    plain = say(backend, prompt, 1)
    penalised = say(backend, prompt, 1, Sampling(temperature=0.0, repeat_penalty=10.0))
    assert plain != penalised


@pytest.mark.parametrize("token", [-1, N_VOCAB, 1_000_000])
def test_token_ids_are_checked_before_native_code_sees_them(backend: LlamaBackend, token: int) -> None:
    with pytest.raises(InvalidRequest):
        backend.piece(token)
    with pytest.raises(InvalidRequest):
        backend.sampler(request(sampling=Sampling(logit_bias=[(token, 1.0)])), [])


@pytest.mark.parametrize("name", llama_sampling.RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -(2**31), 2**62])
def test_numbers_out_of_range_are_refused_and_never_reach_native_code(
    backend: LlamaBackend, name: str, value: float
) -> None:
    low, high = llama_sampling.RANGES[name]
    if low <= value <= high:
        return
    with pytest.raises(InvalidRequest, match=name):
        backend.sampler(request(sampling=Sampling(**{name: value})), [])


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


def test_an_interrupt_ends_a_computation_at_once(backend: LlamaBackend, memory: LlamaMemory) -> None:
    work = [Work(0, [1] * 500, 0, None)]
    Timer(0.01, backend.interrupt).start()
    started = monotonic()
    with pytest.raises(Interrupted):
        for _ in range(1000):
            backend.run(memory, work)
            assert monotonic() - started < 20
    with pytest.raises(Interrupted):
        backend.run(memory, work)
    backend.resume()
    assert say(backend, backend.tokenize(PROMPT), 2)


def test_after_an_interrupt_the_memory_is_as_before(backend: LlamaBackend, memory: LlamaMemory) -> None:
    prompt = backend.tokenize(PROMPT)
    fresh = say(backend, prompt, 4)
    memory.forget(0, 3)
    backend.interrupt()
    with pytest.raises(Interrupted):
        backend.run(memory, [Work(0, prompt[3:], 3, None)])
    backend.resume()
    assert say(backend, prompt, 4, n_held=3) == fresh


def test_a_model_inside_another_file_says_the_same(backend: LlamaBackend, tmp_path: Path) -> None:
    path = tmp_path / "with spaces ü.bin"
    model = smollm2_gguf().read_bytes()
    with path.open("wb") as file:
        file.write(b"\xaa" * 65536 + model + b"\xbb" * 100_000)
    inside = load(path, offset=65536, size=len(model), n_ctx=256)
    prompt = backend.tokenize(PROMPT)
    assert say(inside, prompt, 5) == say(backend, prompt, 5)


def test_the_vocabulary_is_asked_with_what_it_has(backend: LlamaBackend) -> None:
    n_tokens = ctypes.c_int32()
    backend._native.llama_vocab_get_suppress_tokens(backend._model.vocab, ctypes.byref(n_tokens))
    assert n_tokens.value == 0
