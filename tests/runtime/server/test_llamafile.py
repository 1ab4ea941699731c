"""What the clients of llamafile depend on beyond llama.cpp's dialect: LlamaIndex's chat and both classes of vectors."""

from typing import Any

import pytest

from tests.runtime.server.live import Live

CHAT = "/v1/chat/completions"
LLAMA_INDEX: dict[str, Any] = {
    "messages": [{"role": "user", "content": "x"}],
    "options": {"temperature": 0.25, "seed": 7, "top_k": 3},
}


def test_a_stream_of_nothing_but_json(server: Live) -> None:
    """LlamaIndex parses every line, and each has to have a choice."""
    reply = server.post(CHAT, {**LLAMA_INDEX, "stream": True})
    lines = [line for line in reply.body.decode().splitlines() if line]
    assert all(line.startswith("data: {") for line in lines)
    assert all(event["choices"] for event in reply.events())
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in reply.events()) == "Hello there."


@pytest.mark.parametrize("fields", [{"model": "tiny"}, {"options": None}])
def test_all_others_are_told_of_the_end(server: Live, fields: dict[str, object]) -> None:
    reply = server.post(CHAT, {**LLAMA_INDEX, **fields, "stream": True})
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_options_count(server: Live) -> None:
    server.post(CHAT, LLAMA_INDEX)
    sampling = server.engine.asked[0].sampling
    assert (sampling.temperature, sampling.seed, sampling.top_k) == (0.25, 7, 3)


def test_what_stands_outside_counts_first(server: Live) -> None:
    server.post(CHAT, {**LLAMA_INDEX, "seed": 8, "json_schema": {"type": "object", "title": "outside"}})
    server.post(CHAT, {**LLAMA_INDEX, "options": {"seed": 9, "json_schema": {"type": "object", "title": "inside"}}})
    first, second = server.engine.asked
    assert (first.sampling.seed, first.sampling.top_k, second.sampling.seed) == (8, 3, 9)
    assert "outside" in (first.grammar.text if first.grammar else "")
    assert "inside" in (second.grammar.text if second.grammar else "")


@pytest.mark.parametrize("options", [{"temperature": "hot"}, 7, {"top_p": 2}])
def test_wrong_options_are_refused(server: Live, options: object) -> None:
    reply = server.post(CHAT, {**LLAMA_INDEX, "options": options})
    assert (reply.status, server.engine.asked) == (400, [])
    assert reply.json()["error"]["message"].startswith("`options")
