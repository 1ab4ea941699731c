"""A worker with a real model, from the outside: the answer, the mapping, the way back to a prompt."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.direct import DirectClient
from runtime.engine.launch import Worker
from runtime.engine.protocol import Chat, Delta, Generate, Sampling, Started
from tests.models import smollm2_gguf
from tests.runtime.engine.workers import ask, end, failure, greedy, started, text

QUESTION = [{"role": "user", "content": "What is the capital city of France? Answer in one sentence."}]
GREEDY = Sampling(temperature=0.0)
OFFSET = 1 << 20


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 a megabyte into another file."""
    path = tmp_path_factory.mktemp("packed") / "an executable"
    path.write_bytes(os.urandom(OFFSET) + smollm2_gguf().read_bytes() + os.urandom(OFFSET))
    return path


@pytest.fixture(scope="module")
def pair(packed: Path) -> Iterator[tuple[Worker, DirectClient]]:
    size = smollm2_gguf().stat().st_size
    with started(WorkerConfig(str(packed), offset=OFFSET, size=size, n_ctx=1024, name="SmolLM2")) as found:
        yield found


def test_paris(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    events = ask(client, None, chat=Chat(messages=QUESTION), sampling=GREEDY, max_tokens=40)
    assert text(events) == "The capital city of France is Paris."
    assert end(events).reason == "stop"
    begun = events[0]
    assert isinstance(begun, Started)
    assert begun.prompt.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert client.facts and client.facts.name == "SmolLM2"
    assert client.facts.memory_bytes > client.facts.size_bytes
    assert client.facts.flash_attention


def test_the_weights_are_mapped_where_they_lie_and_nowhere_else(
    pair: tuple[Worker, DirectClient], packed: Path
) -> None:
    worker, client = pair
    client.wait_ready()
    maps = Path(f"/proc/{worker.pid}/maps").read_text().splitlines()
    ours = [line for line in maps if line.endswith(str(packed))]
    assert ours
    mapped_bytes = sum(int(end, 16) - int(start, 16) for start, end in (line.split()[0].split("-") for line in ours))
    assert mapped_bytes >= 90_000_000
    assert all(line.split()[1] in ("r--s", "r--p") for line in ours)


def test_a_conversation_computes_only_what_is_new(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    first = ask(client, None, chat=Chat(messages=QUESTION), sampling=GREEDY, max_tokens=40)
    turns = [*QUESTION, {"role": "assistant", "content": text(first)}, {"role": "user", "content": "And of Italy?"}]
    second = ask(client, None, chat=Chat(messages=turns), sampling=GREEDY, max_tokens=2)
    begun = first[0]
    assert isinstance(begun, Started)
    assert end(second).timings.cache_n >= begun.n_prompt + 8
    assert end(second).timings.prompt_n < 20


def test_a_kept_beginning_changes_no_answer(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    prompts = ["The sky is", "The sky was", "The sky is blue and"]
    fresh = [greedy(client, prompt, 5, cache_prompt=False) for prompt in prompts]
    assert [greedy(client, prompt, 5) for prompt in prompts] == fresh
    assert [greedy(client, prompt, 5) for prompt in reversed(prompts)] == fresh[::-1]


def test_token_ids_and_text_are_the_same_prompt(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    tokens = [504, 3575, 2240, 282, 4649, 314]
    said = ask(client, tokens, max_tokens=1, sampling=GREEDY)
    begun = said[0]
    assert isinstance(begun, Started)
    assert text(said) == greedy(client, begun.prompt, 1)


def test_bad_requests_leave_the_worker_well(pair: tuple[Worker, DirectClient]) -> None:
    worker, client = pair
    assert failure(ask(client, [49152])).kind == "invalid"
    assert failure(ask(client, [-1])).kind == "invalid"
    assert failure(ask(client, "x", sampling=Sampling(top_p=float("nan")))).kind == "invalid"
    assert failure(ask(client, "x", sampling=Sampling(logit_bias=[(1 << 40, 1.0)]))).kind == "invalid"
    too_long = failure(ask(client, "word " * 2000))
    assert (too_long.kind, too_long.n_ctx) == ("context", 1024) and too_long.n_prompt > 1024
    assert worker.poll() is None
    assert greedy(client, "The capital city of France is", 1) == " Paris"


def test_the_context_is_filled_to_its_end(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    events = ask(client, [504] * 1015, max_tokens=-1, sampling=Sampling(temperature=0.0, ignore_eos=True))
    assert (end(events).reason, end(events).truncated) == ("length", True)
    assert end(events).timings.predicted_n == 1024 - 1015


def test_cancel_within_a_long_prompt_is_quick(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    events = client.generate(Generate(id=client.new_id(), prompt=[504] * 1000, cache_prompt=False))
    assert isinstance(next(events), Started)
    events.close()
    again = ask(client, "Hi", max_tokens=1)
    assert end(again).timings.predicted_n == 1


def test_a_stop_string_across_tokens(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    plain = greedy(client, "The capital city of France is", 12)
    stop = plain[4:9]
    events = ask(client, "The capital city of France is", max_tokens=12, sampling=GREEDY, stop=[stop])
    assert (text(events), end(events).reason, end(events).stopping_word) == (plain[:4], "word", stop)


def test_probabilities_come_with_the_text(pair: tuple[Worker, DirectClient]) -> None:
    _, client = pair
    events = ask(client, "The capital city of France is", max_tokens=3, sampling=GREEDY, n_probs=2)
    told = [probability for event in events if isinstance(event, Delta) for probability in event.probabilities]
    assert [len(one.top_logprobs) for one in told] == [2, 2, 2]
    assert told[0].token == told[0].top_logprobs[0].token == " Paris"
    assert told[0].logprob <= 0


def test_nothing_that_was_asked_is_in_the_log(pair: tuple[Worker, DirectClient]) -> None:
    worker, client = pair
    greedy(client, "a secret that nobody may read", 2)
    assert "secret" not in worker.log_tail()


def test_native_last_words_are_found(packed: Path) -> None:
    with started(WorkerConfig(str(packed), offset=OFFSET, n_ctx=256)) as (worker, client):
        client.wait_ready()
        os.kill(worker.pid, signal.SIGABRT)
        worker.wait(10)
        assert worker.death().text == "it was ended by SIGABRT"
