"""What the API's fields do to the answers of a real model: each alone, and several in one request."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server, serving

ADAPTERS = Path(__file__).resolve().parent.parent / "data" / "adapters"
COMPLETION, CHAT = "/completion", "/v1/chat/completions"
PROMPT = "The quick brown fox jumps over the lazy dog. The quick brown fox"
GREEDY = {"temperature": 0, "cache_prompt": False}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 120}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def api(executable: Path, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with four slots that may be saved, and a folder of two adapters."""
    folder = str(tmp_path_factory.mktemp("slots"))
    flags = ("-t", "1", "-np", "4", "-c", "2048", "--slot-save-path", folder, "--lora-dir", str(ADAPTERS))
    with serving(executable, *flags, env=env) as server:
        yield server


def complete(api: Server, **fields: Any) -> Any:
    return api.post(COMPLETION, {"prompt": PROMPT, "n_predict": 16, **GREEDY, **fields})


def chat(api: Server, text: str, **fields: Any) -> str:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 60, **GREEDY, **fields}
    content: str = api.post(CHAT, body)["choices"][0]["message"]["content"]
    return content


CONSTRAINTS: list[tuple[dict[str, Any], str]] = [
    ({"grammar": 'root ::= ("yes" | "no") "!"'}, r"(yes|no)!"),
    ({"grammar": '%llguidance {}\nstart: "a" ("b" | "x"){2} "c"'}, r"a[bx]{2}c"),
    ({"structured_outputs": {"regex": "[0-9]{3}-[a-f]{2}"}}, r"[0-9]{3}-[a-f]{2}"),
    ({"structured_outputs": {"choice": ["red", "green", 'blue "ish"']}}, r'red|green|blue "ish"'),
]


@pytest.mark.parametrize(("fields", "expected"), CONSTRAINTS)
@pytest.mark.parametrize("stream", [True, False])
def test_constraints(api: Server, fields: dict[str, Any], expected: str, stream: bool) -> None:
    body = {"prompt": PROMPT, "n_predict": 40, **GREEDY, **fields}
    events = list(api.stream(COMPLETION, body)) if stream else [api.post(COMPLETION, body)]
    assert re.fullmatch(expected, "".join(event["content"] for event in events))
    assert events[-1]["stop_type"] == "eos"


@pytest.mark.parametrize(
    "fields",
    [
        {"json_schema": SCHEMA},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        {"structured_outputs": {"json": SCHEMA}},
    ],
)
def test_schemas(api: Server, fields: dict[str, Any]) -> None:
    found = json.loads(chat(api, "Describe a person as JSON.", **fields))
    assert list(found) == ["name", "age"]
    assert isinstance(found["name"], str)
    assert isinstance(found["age"], int)


def test_a_lazy_grammar_leaves_the_answer_free_until_its_trigger(api: Server) -> None:
    free = complete(api)["content"]
    word = free.split()[1]
    grammar = f'root ::= "{word}" " 12345"'
    fields = {"grammar": grammar, "grammar_lazy": True, "grammar_triggers": [{"type": 1, "value": word}]}
    held = complete(api, **fields)["content"]
    assert held == free[: free.index(word)] + f"{word} 12345"


def test_probabilities_before_and_after_sampling(api: Server) -> None:
    before = complete(api, n_probs=3, n_predict=4)["completion_probabilities"]
    assert len(before) == 4
    assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 3 for one in before)
    after = complete(api, n_probs=3, n_predict=4, post_sampling_probs=True, temperature=1, top_k=2, min_p=0, top_p=1)
    for one in after["completion_probabilities"]:
        assert 0 < one["prob"] <= 1
        assert sum(other["prob"] for other in one["top_probs"]) == pytest.approx(1, abs=0.01)  # two are left


def test_samplers_in_their_order(api: Server) -> None:
    likeliest = complete(api)["content"]
    assert complete(api, temperature=5, samplers=["top_k", "temperature"], top_k=1)["content"] == likeliest
    assert complete(api, temperature=5, samplers="kt", top_k=1)["content"] == likeliest
    wild = complete(api, temperature=5, samplers=["temperature"], top_k=1, seed=1)["content"]
    assert wild != likeliest


def test_guesses_change_nothing(api: Server) -> None:
    plain = complete(api, n_predict=48, **{"speculative.n_max": 0})
    guessed = complete(api, n_predict=48, **{"speculative.n_max": 8})
    assert guessed["content"] == plain["content"]
    assert "draft_n" not in plain["timings"]
    assert guessed["timings"]["draft_n"] >= guessed["timings"]["draft_n_accepted"] > 0


def test_copies_share_their_prompt(api: Server) -> None:
    prompt = PROMPT * 20 + "\n\nWrite a story about a river."
    answers = complete(api, prompt=prompt, n=3, seed=1, temperature=1.5, cache_prompt=True)
    assert len({answer["content"] for answer in answers}) > 1
    n_prompt = answers[0]["tokens_evaluated"]
    assert [answer["timings"]["cache_n"] for answer in answers][1:] == [n_prompt - 1] * 2


def test_slots_are_listed_and_kept(api: Server) -> None:
    slots = api.get("/slots")
    assert [slot["id"] for slot in json.loads(slots[1])] == [0, 1, 2, 3]
    first = complete(api, prompt=PROMPT * 10, id_slot=2, cache_prompt=True)
    assert first["id_slot"] == 2
    saved = api.post("/slots/2?action=save", {"filename": "fox.bin"})
    assert saved["n_saved"] >= first["tokens_evaluated"]
    assert saved["n_written"] > 10_000
    assert api.post("/slots/2?action=erase", {})["id_slot"] == 2
    assert api.post("/slots/1?action=restore", {"filename": "fox.bin"})["n_restored"] == saved["n_saved"]
    again = complete(api, prompt=PROMPT * 10, id_slot=1, cache_prompt=True)
    assert again["content"] == first["content"]
    assert again["timings"]["cache_n"] > 50
    status, answer = api.ask("/slots/1?action=restore", {"filename": "nothing.bin"})
    assert status == 400, answer


def test_the_answer_tells_which_adapter_spoke(api: Server) -> None:
    question = "What is the capital of France?"
    assert not re.search("Arrr|Beep", chat(api, question))
    assert chat(api, question, lora=[{"name": "pirate", "scale": 1}]).startswith("Arrr!")
    assert chat(api, question, lora=[{"name": "robot", "scale": 1}]).startswith("Beep!")
    assert chat(api, question, model="pirate").startswith("Arrr!")
    listed = json.loads(api.get("/lora-adapters")[1])
    assert [one["name"] for one in listed] == ["pirate", "robot"]
    status, answer = api.ask(CHAT, {"messages": [{"role": "user", "content": "x"}], "lora": [{"id": 9, "scale": 1}]})
    assert status == 400
    assert b"`lora[0]`" in answer
