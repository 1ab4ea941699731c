"""LoRAX's own Python client, unmodified: everything that it can do with a server that has two adapters."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from lorax import AsyncClient, Client
from lorax.errors import GenerationError, ValidationError
from lorax.types import FinishReason, MergedAdapters

URL = os.environ["LMFILE_URL"]
PROMPT = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
VOICES = {None: "", "pirate": "Arrr!", "robot": "Beep!"}
CITY = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}


@pytest.fixture
def client() -> Client:
    return Client(URL, timeout=120)


def test_each_request_chooses_its_adapter(client: Client) -> None:
    for adapter, beginning in VOICES.items():
        answer = client.generate(PROMPT, adapter_id=adapter, max_new_tokens=8)
        assert answer.generated_text.lstrip().startswith(beginning)
        assert answer.generated_text.startswith(("Arrr", "Beep")) == bool(adapter)
    assert client.generate(PROMPT, adapter_id="", max_new_tokens=8) == client.generate(PROMPT, max_new_tokens=8)


def test_merged_adapters_speak_with_both_voices(client: Client) -> None:
    both = MergedAdapters(ids=["pirate", "robot"], weights=[0.5, 0.5], density=0.0, merge_strategy="linear")
    assert client.generate(PROMPT, merged_adapters=both, max_new_tokens=8).generated_text.startswith("Arrr! Beep!")
    ties = MergedAdapters(ids=["pirate", "robot"], weights=[0.5, 0.5], density=0.5, merge_strategy="ties")
    with pytest.raises(ValidationError, match="ties"):
        client.generate(PROMPT, merged_adapters=ties)


def test_different_adapters_at_the_same_time() -> None:
    wanted = [*VOICES] * 4
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda name: Client(URL).generate(PROMPT, adapter_id=name, max_new_tokens=8), wanted))
    assert [one.generated_text[:5] for one in said[:3]] * 4 == [one.generated_text[:5] for one in said]


def test_adapters_that_are_not_here(client: Client) -> None:
    with pytest.raises(GenerationError, match="user/other"):
        client.generate(PROMPT, adapter_id="user/other", adapter_source="hub")
    with pytest.raises(GenerationError, match="user/other"):
        list(client.generate_stream(PROMPT, adapter_id="user/other"))


def test_details(client: Client) -> None:
    answer = client.generate(PROMPT, max_new_tokens=5, decoder_input_details=True, return_k_alternatives=3)
    details = answer.details
    assert details is not None
    assert details.finish_reason == FinishReason.Length
    assert details.generated_tokens == len(details.tokens) == 5
    assert "".join(token.text for token in details.tokens) == answer.generated_text
    assert all(token.logprob <= 0 and not token.special for token in details.tokens)
    assert all(len(token.alternative_tokens or []) == 3 for token in details.tokens)
    assert details.tokens[0].alternative_tokens
    assert details.tokens[0].alternative_tokens[0].id == details.tokens[0].id
    assert details.prompt_tokens == len(details.prefill)
    assert details.prefill[0].logprob is None
    assert all(token.logprob is not None and token.logprob <= 0 for token in details.prefill[1:])
    assert "".join(token.text for token in details.prefill) == PROMPT
    assert client.generate(PROMPT, max_new_tokens=2, details=False).details is None


def test_a_stream_is_the_same_text(client: Client) -> None:
    whole = client.generate(PROMPT, max_new_tokens=60, adapter_id="pirate")
    events = list(client.generate_stream(PROMPT, max_new_tokens=60, adapter_id="pirate"))
    assert "".join(event.token.text for event in events if not event.token.special) == whole.generated_text
    assert events[-1].generated_text == whole.generated_text
    assert [event.generated_text for event in events[:-1]] == [None] * (len(events) - 1)
    assert whole.details is not None
    assert events[-1].details is not None
    assert [event.token.id for event in events] == [token.id for token in whole.details.tokens]
    assert events[-1].details.finish_reason == whole.details.finish_reason
    if whole.details.finish_reason == FinishReason.EndOfSequenceToken:
        assert events[-1].token.special


def test_it_ends_by_itself_and_at_stop_sequences(client: Client) -> None:
    question = PROMPT.replace("Hi", "What is the capital city of France? Answer in one sentence.")
    answer = client.generate(question, max_new_tokens=200)
    assert answer.details is not None
    assert answer.details.finish_reason == FinishReason.EndOfSequenceToken
    assert answer.details.tokens[-1].special
    assert answer.details.tokens[-1].text == "<|im_end|>"
    *_, last = client.generate_stream(question, max_new_tokens=200)
    assert last.token == answer.details.tokens[-1]
    stopped = client.generate("1, 2, 3, 4,", max_new_tokens=30, stop_sequences=["6"])
    assert stopped.details is not None
    assert stopped.details.finish_reason == FinishReason.StopSequence
    assert stopped.generated_text.endswith("6")
    *_, last = client.generate_stream("1, 2, 3, 4,", max_new_tokens=30, stop_sequences=["6"])
    assert last.generated_text == stopped.generated_text


def test_sampling(client: Client) -> None:
    once, twice = (
        client.generate(PROMPT, do_sample=True, temperature=1.5, seed=3, max_new_tokens=8, details=True)
        for _ in range(2)
    )
    assert once == twice
    assert once.details is not None
    assert once.details.seed == 3
    greedy = client.generate(PROMPT, max_new_tokens=8)
    assert greedy.details is not None
    assert greedy.details.seed is None
    best = client.generate(PROMPT, best_of=2, do_sample=True, temperature=0.9, top_p=0.95, top_k=50, max_new_tokens=8)
    assert best.details is not None
    assert len(best.details.best_of_sequences or []) == 1


def test_other_parameters(client: Client) -> None:
    full = client.generate(PROMPT, return_full_text=True, max_new_tokens=3)
    assert full.generated_text.startswith(PROMPT)
    short = client.generate("x " * 50 + PROMPT, truncate=10, max_new_tokens=2)
    assert short.details is not None
    assert short.details.prompt_tokens == 10
    client.generate(PROMPT, repetition_penalty=1.2, typical_p=0.9, ignore_eos_token=True, max_new_tokens=3)
    shaped = client.generate(PROMPT, response_format={"type": "json_object", "schema": CITY}, max_new_tokens=40)
    assert json.loads(shaped.generated_text)["city"] in ("Paris", "Rome")


def test_refusals(client: Client) -> None:
    with pytest.raises(ValidationError, match="watermark"):
        client.generate(PROMPT, watermark=True)
    with pytest.raises(ValidationError, match="exceeds"):
        client.generate("word " * 20_000)


def test_a_vector(client: Client) -> None:
    assert len(client.embed("Hi").embeddings or []) == 576


def test_async() -> None:
    async def scenario() -> tuple[str, str]:
        client = AsyncClient(URL, timeout=120)
        whole = await client.generate(PROMPT, adapter_id="robot", max_new_tokens=12)
        stream = client.generate_stream(PROMPT, adapter_id="robot", max_new_tokens=12)
        return whole.generated_text, "".join([event.token.text async for event in stream if not event.token.special])

    whole, streamed = asyncio.run(scenario())
    assert whole == streamed
    assert whole.startswith("Beep!")
