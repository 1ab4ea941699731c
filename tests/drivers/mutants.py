"""Damaged requests of every dialect, the same ones every time: each is answered, none harms the server.

A good request is changed in its values (type, range, structure), in the bytes of its body, or in
those of its head.
"""

import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import Server

FLAGS = ("-c", "256", "-n", "8")
"""Of the server: a damaged request may ask for an answer without end."""

AT_ONCE = 8
LIMIT_S = 60.0
HEAD_LIMIT_S = 3.0
"""A damaged head may look unfinished: the server then waits for more."""
MAX_MORE_BYTES = 20_000_000
WARM_SHARE = 0.2
"""Of the requests, before memory is looked at: what is used first is loaded first."""
SHARE_OF_BYTES, SHARE_OF_HEADS = 0.3, 0.1
UNAVAILABLE = {501, 503}

MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}]
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

# Without Ollama's `keep_alive`, which ends a worker on request.
Seed = tuple[str, str, dict[str, Any] | None]
SEEDS: list[Seed] = [
    ("POST", "/v1/chat/completions", {
        "model": "m", "temperature": 0.5, "top_p": 1, "n": 1, "stream": True, "stream_options": {"include_usage": True},
        "messages": MESSAGES, "max_completion_tokens": 5, "presence_penalty": 0, "logit_bias": {"5": 1},
        "logprobs": True, "top_logprobs": 2, "samplers": ["top_k"], "lora": [], "speculative.n_max": 3, "seed": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
        "post_sampling_probs": True, "user": "u", "stop": ["x"],
    }),
    ("POST", "/v1/chat/completions", {
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "y"}],
        "tools": [{"type": "function", "function": TOOL}], "tool_choice": "auto", "parallel_tool_calls": True,
        "max_tokens": 5, "reasoning_effort": "low",
    }),
    ("POST", "/v1/completions", {
        "prompt": ["a", [1, 2]], "max_tokens": 5, "logprobs": 2, "n": 2, "best_of": 1, "echo": False,
        "structured_outputs": {"choice": ["a", "b"]}, "samplers": "kt", "n_keep": 1, "id_slot": 1}),
    ("POST", "/v1/embeddings", {"input": ["a", [1, 2]], "encoding_format": "base64", "dimensions": 8, "model": "m"}),
    ("POST", "/v1/responses", {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}], "max_output_tokens": 5,
        "instructions": "i", "stream": True, "store": True, "tools": [{"type": "function", **TOOL}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}}),
    ("GET", "/v1/models/m", None),
    ("POST", "/completion", {
        "prompt": "a", "n_predict": 5, "stream": False, "stop": [], "n_probs": 2, "logit_bias": [[5, 1], [6, False]],
        "dry_sequence_breakers": ["\n"], "mirostat": 0, "return_tokens": True, "cache_prompt": True, "id_slot": -1,
        "grammar": "root ::= [a-z]", "grammar_lazy": True, "n_discard": 5, "response_fields": ["content"],
        "grammar_triggers": [{"type": 1, "value": "x"}, {"type": 0, "token": 5}, {"type": 3, "value": "x"}],
    }),
    ("POST", "/infill", {"input_prefix": "a", "input_suffix": "b", "prompt": "c", "n_predict": 3,
                         "input_extra": [{"filename": "f", "text": "t"}]}),
    ("POST", "/tokenize", {"content": "a b", "add_special": True, "parse_special": True, "with_pieces": True}),
    ("POST", "/detokenize", {"tokens": [1, 2, 3]}),
    ("POST", "/apply-template", {"messages": MESSAGES, "chat_template_kwargs": {"a": 1}}),
    ("POST", "/embedding", {"content": ["a", [1, 2]], "embd_normalize": 2}),
    ("POST", "/v1/rerank", {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": True}),
    ("POST", "/slots/0?action=erase", {"filename": "f"}),
    ("POST", "/lora-adapters", {"id": 0, "scale": 0.5}),
    ("POST", "/props", {"chat_template": "x"}),
    ("POST", "/v1/messages", {
        "model": "m", "max_tokens": 5, "system": [{"type": "text", "text": "s"}], "temperature": 0.5, "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "t"}]}], "stop_sequences": ["x"],
        "tools": [{"name": "f", "input_schema": SCHEMA}], "tool_choice": {"type": "auto"},
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5, "metadata": {"user_id": "u"}}),
    ("POST", "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    ("POST", "/api/generate", {
        "model": "m", "prompt": "x", "suffix": "", "system": "s", "template": "", "raw": False, "format": SCHEMA,
        "stream": False, "images": [], "options": {"num_predict": 5, "temperature": 0.5, "seed": 1,
        "stop": ["x"], "top_k": 5, "num_ctx": 512}, "context": [1, 2], "think": False}),
    ("POST", "/api/chat", {
        "model": "m", "messages": [{"role": "user", "content": "x", "images": []}], "stream": True, "format": "json",
        "tools": [{"type": "function", "function": TOOL}], "options": {"num_predict": 5}}),
    ("POST", "/api/embed", {"model": "m", "input": ["a", "b"], "truncate": True, "dimensions": 8}),
    ("POST", "/api/embeddings", {"model": "m", "prompt": "x"}),
    ("POST", "/api/show", {"model": "m", "verbose": True}),
    ("POST", "/api/pull", {"model": "m", "stream": False}),
    ("DELETE", "/api/delete", {"model": "m"}),
    ("POST", "/generate", {"inputs": "x", "parameters": {
        "max_new_tokens": 5, "temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 1, "stop": ["x"], "details": True,
        "adapter_id": "a", "merged_adapters": {"ids": ["a", "b"], "weights": [0.5, 0.5], "merge_strategy": "linear"},
        "response_format": {"type": "json_object", "schema": SCHEMA}, "decoder_input_details": True}}),
    ("POST", "/generate_stream", {"inputs": "x", "parameters": {"max_new_tokens": 5}}),
    ("POST", "/", {"inputs": "x", "parameters": {"max_new_tokens": 5}, "stream": False}),
]  # fmt: skip
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 1e308, -0.0, 0.1, "", "x", "5", "\x00", "\ud7ff",
    "👋" * 50, [], [[]], [None], {}, {"a": None}, {"type": "image_url"}, [1, "a"], ["x"] * 100, {"role": "user"},
    [{"role": "user", "content": "x"}],
]  # fmt: skip
PIECES = [b"\xff", b"\x00", b"[" * 200, b'"', b"\\u", b"\\ud800", b"1e999", b"NaN", b"{", b"}", b",,"]
HEAD_PIECES = [b"\r\n", b"\n", b"\r", b":", b" ", b"\x00", b"\xff", b"HTTP/9.9", b"Transfer-Encoding: chunked\r\n",
               b"Content-Length: -1\r\n", b"Host: x\r\n", b"x" * 9000, b"X: x\r\n" * 200, b"%00", b"../"]  # fmt: skip


def damaged_value(dice: random.Random, value: Any) -> Any:
    """`value` with one part replaced, removed, doubled or nested, somewhere inside."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: damaged_value(dice, value[key])}
    if isinstance(value, list) and value and dice.random() < 0.6:
        at = dice.randrange(len(value))
        return [*value[:at], damaged_value(dice, value[at]), *value[at:]]
    return dice.choice([*STRANGE, [value], {"x": value}])


def damaged_bytes(dice: random.Random, body: bytes, pieces: list[bytes] = PIECES) -> bytes:
    """`body` with a few bytes flipped, cut out or put in."""
    data = bytearray(body)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        kind = dice.random()
        if kind < 0.4 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind < 0.7:
            del data[at : at + dice.randint(1, 20)]
        else:
            data[at:at] = dice.choice(pieces)
    return bytes(data)


@dataclass
class Mutants:
    """How the damaged requests were answered, how much more memory is held, and what must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    more_bytes: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{n} x {status}" for status, n in sorted(self.statuses.items()))
        return f"{counts}; {self.more_bytes / 1e6:+.1f} MB {self.wrong[:10]}"


def send_all(server: Server, n: int, seed: int = 1) -> Mutants:
    """Send `n` damaged requests; the worker must be the same at the end, and memory as it was."""
    result, worker = Mutants(), server.running.worker()
    numbers = list(range(n))
    warm = int(n * WARM_SHARE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: _send(server.port, seed, number, result), numbers[:warm]))
        before = _bytes(server)
        list(pool.map(lambda number: _send(server.port, seed, number, result), numbers[warm:]))
    result.more_bytes = _bytes(server) - before
    if result.more_bytes > MAX_MORE_BYTES:
        result.wrong.append("memory has grown")
    if server.running.worker() != worker or not server.is_ready():
        result.wrong.append("the worker died")
    return result


def _send(port: int, seed: int, number: int, result: Mutants) -> None:
    dice = random.Random(f"{seed} {number}")
    method, path, good = SEEDS[number % len(SEEDS)]
    kind = dice.random()
    if kind < SHARE_OF_HEADS:
        body = damaged_bytes(dice, _head(port, method, path), HEAD_PIECES)
        status, answer = _raw(port, body)
    else:
        body = json.dumps(_damaged(dice, good)).encode()
        if kind < SHARE_OF_HEADS + SHARE_OF_BYTES:
            body = damaged_bytes(dice, json.dumps(good).encode())
        try:
            status, answer = _ask(port, method, path, body)
        except OSError as error:
            result.wrong.append(f"{number}: {method} {path} {body[:300]!r}: {error!r}")
            return
    result.statuses[status] += 1
    if status >= 500 and status not in UNAVAILABLE:
        result.wrong.append(f"{number}: {method} {path} {body[:300]!r}: {answer[:300]!r}")


def _damaged(dice: random.Random, good: dict[str, Any] | None) -> Any:
    damaged: Any = good or {}
    for _ in range(dice.randint(1, 3)):
        damaged = damaged_value(dice, damaged)
    return damaged


def _ask(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)) as connection:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def _head(port: int, method: str, path: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", "Content-Length: 2", "", "{}"]
    return "\r\n".join(lines).encode()


def _raw(port: int, data: bytes) -> tuple[int, bytes]:
    """The status and the beginning of the answer; 0: the connection was closed, or more is waited for."""
    with socket.create_connection(("127.0.0.1", port), timeout=HEAD_LIMIT_S) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answer = sock.recv(4096)
        except OSError:
            return 0, b""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.") else 0, answer


def _bytes(server: Server) -> int:
    """Memory of front and worker that is theirs alone: weights are mapped, not held."""
    return sum(_anonymous(pid) for pid in server.running.family())


def _anonymous(pid: int) -> int:
    lines = _status(pid)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def _status(pid: int) -> Iterator[str]:
    yield from Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
