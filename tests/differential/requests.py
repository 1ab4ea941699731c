"""What both servers are asked: every native and OpenAI route, as clients use them and as they must not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Json = Any


class Asked(NamedTuple):
    """One request. name: unique. body: JSON, bytes as they are, or None.

    vectors: to servers that make vectors. busy: while they compute another answer.
    """

    name: str
    method: str
    path: str
    body: Json = None
    vectors: bool = False
    busy: bool = False


GREEDY = {"temperature": 0, "n_predict": 4, "seed": 1}
SHORT = {**GREEDY, "prompt": "The capital of France is"}
HELLO = [{"role": "user", "content": "Say hi."}]
CHAT = {"temperature": 0, "max_tokens": 4, "seed": 1, "messages": HELLO}
COMPLETE = {"temperature": 0, "max_tokens": 4, "seed": 1, "prompt": "The capital of France is"}
LONG = "word " * 20_000
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
GRAMMAR = 'root ::= "yes" | "no"'
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}

WRONG_TYPES: Mapping[str, Sequence[Json]] = {
    "n_predict": ["many"],
    "temperature": ["hot"],
    "top_k": [[1]],
    "top_p": [{}],
    "seed": ["x"],
    "stream": ["yes"],
    "cache_prompt": [1],
    "n_probs": ["2"],
    "ignore_eos": ["no"],
    "repeat_penalty": [True],
    "lora": ["first"],
    "response_fields": ["content"],
    "grammar_lazy": ["later"],
    "mirostat": ["2"],
    "dry_sequence_breakers": ["x"],
    "t_max_predict_ms": ["soon"],
    "reasoning_budget_tokens": ["few"],
}
OUT_OF_RANGE: Mapping[str, Sequence[Json]] = {
    "n_predict": [-2],
    "n_keep": [-2],
    "n_discard": [-1],
    "n_indent": [-1],
    "reasoning_budget_tokens": [-2],
    "n_cmpl": [0, 1000],
    "repeat_last_n": [-1],
    "dry_allowed_length": [-1],
    "min_keep": [-1],
    "temperature": [-1],
    "top_p": [1.5],
    "mirostat": [3],
    "sse_ping_interval": [-2],
    "dry_sequence_breakers": [[]],
    "n_probs": [100],
    "id_slot": [100],
}


def every() -> list[Asked]:
    """All requests, in the order in which they are sent."""
    return [
        *_completions(),
        *_completions_wrong(),
        *_tokens(),
        *_templates(),
        *_infill(),
        *_state(),
        *_chats(),
        *_chats_wrong(),
        *_texts(),
        *_responses(),
        *_vectors(),
        *_addresses(),
    ]


def _completions() -> Iterator[Asked]:
    good: Mapping[str, Json] = {
        "plain": {},
        "streamed": {"stream": True},
        "streamed, probabilities": {"stream": True, "n_probs": 2},
        "streamed, times": {"stream": True, "timings_per_token": True},
        "streamed, progress": {"stream": True, "return_progress": True, "cache_prompt": False},
        "streamed, tokens": {"stream": True, "return_tokens": True},
        "streamed, usage": {"stream": True, "stream_options": {"include_usage": True}},
        "streamed, chosen fields": {"stream": True, "response_fields": ["content", "timings/prompt_n"]},
        "streamed, two prompts": {"stream": True, "prompt": ["a", "b"]},
        "no tokens": {"n_predict": 0},
        "probabilities": {"n_probs": 3},
        "probabilities after sampling": {"n_probs": 3, "post_sampling_probs": True},
        "logprobs": {"logprobs": 2},
        "tokens": {"return_tokens": True},
        "verbose": {"verbose": True},
        "no pings": {"sse_ping_interval": -1},
        "chosen fields": {"response_fields": ["content", "generation_settings/top_k", "no/such", "timings"]},
        "no chosen fields": {"response_fields": []},
        "one prompt in a list": {"prompt": ["a"]},
        "two prompts": {"prompt": ["a", "b"]},
        "two copies": {"n_cmpl": 2},
        "two copies by n": {"n": 2},
        "token prompt": {"prompt": [504, 3575, 282]},
        "mixed prompt": {"prompt": [504, " capital of", 282]},
        "mixed prompts": {"prompt": [[504, " capital"], "of", [282]]},
        "prompt as object": {"prompt": {"prompt_string": "The capital"}},
        "prompts as objects": {"prompt": [{"prompt_string": "The capital"}, "of"]},
        "empty prompt": {"prompt": ""},
        "nulls": {"temperature": None, "stop": None, "top_k": None, "stream": None, "grammar": None},
        "unknown fields": {"tfs_z": 1.0, "penalize_nl": True, "no_such_field": [1]},
        "stop word": {"stop": "Paris"},
        "stop words": {"stop": ["Paris", "is"], "n_predict": 12},
        "grammar": {"grammar": GRAMMAR},
        "schema": {"json_schema": SCHEMA, "n_predict": 24},
        "empty schema": {"json_schema": {}, "n_predict": 16},
        "bias pairs": {"logit_bias": [[504, 1.5], [505, False]]},
        "bias object": {"logit_bias": {"504": -1}},
        "bias of a text": {"logit_bias": [[" Paris", -5]]},
        "bias object of a text": {"logit_bias": {" Paris": False}},
        "samplers": {"samplers": ["top_k", "temperature"]},
        "samplers as letters": {"samplers": "kt"},
        "every sampler": {
            "dynatemp_range": 0.1, "dynatemp_exponent": 1.0, "top_n_sigma": 2.0, "xtc_probability": 0.1,
            "typical_p": 0.9, "min_p": 0.1, "repeat_last_n": 8, "repeat_penalty": 1.1, "presence_penalty": 0.1,
            "frequency_penalty": 0.1, "dry_multiplier": 0.5, "dry_base": 1.8, "dry_allowed_length": 3,
            "dry_penalty_last_n": 32, "dry_sequence_breakers": ["."], "mirostat": 0, "min_keep": 1,
        },
        "mirostat": {"mirostat": 2, "mirostat_tau": 4.0, "mirostat_eta": 0.2},
        "ignore_eos": {"ignore_eos": True},
        "id_slot": {"id_slot": 1},
        "no adapters": {"lora": []},
        "time limit": {"t_max_predict_ms": 1000},
        "indentation": {"n_indent": 2},
        "budget for thoughts": {
            "reasoning_budget_tokens": 2, "reasoning_budget_start_tag": "<think>", "reasoning_budget_message": "",
            "reasoning_budget_end_tags": ["</think>"],
        },
        "model": {"model": "gpt-4o"},
    }  # fmt: skip
    for name, fields in good.items():
        yield Asked(f"completion: {name}", "POST", "/completion", {**SHORT, **fields})
    yield Asked("completions: plain", "POST", "/completions", SHORT)


def _completions_wrong() -> Iterator[Asked]:
    yield from _wrong("completion", "/completion", SHORT)
    for field, values in WRONG_TYPES.items():
        for value in values:
            yield Asked(f"completion: {field} of a wrong type", "POST", "/completion", {**SHORT, field: value})
    for field, values in OUT_OF_RANGE.items():
        for value in values:
            yield Asked(f"completion: {field} {value}", "POST", "/completion", {**SHORT, field: value})
    bad: Mapping[str, Json] = {
        "prompt null": {"prompt": None},
        "prompt number": {"prompt": 7},
        "prompt bool": {"prompt": True},
        "prompt empty list": {"prompt": []},
        "prompt of bools": {"prompt": [True]},
        "prompt of nested lists": {"prompt": [[[1]]]},
        "prompt token beyond the vocabulary": {"prompt": [10_000_000]},
        "prompt negative token": {"prompt": [-5]},
        "prompt object without text": {"prompt": {"text": "x"}},
        "prompt with a picture": {"prompt": {"prompt_string": "<__media__>", "multimodal_data": ["aGk="]}},
        "picture as in llamafile": {"prompt": "[img-1]", "image_data": [{"id": 1, "data": "aGk="}]},
        "prompt longer than the context": {"prompt": LONG},
        "prompt longer than the context, streamed": {"prompt": LONG, "stream": True},
        "bad grammar": {"grammar": "root ::= ("},
        "grammar without root": {"grammar": 'x ::= "a"'},
        "grammar number": {"grammar": 7},
        "bad schema": {"json_schema": {"type": "no such type"}},
        "schema with a bad pattern": {"json_schema": {"type": "string", "pattern": "("}},
        "schema number": {"json_schema": 7},
        "schema reference to nowhere": {"json_schema": {"$ref": "#/$defs/nowhere"}},
        "lazy grammar without triggers": {"grammar": GRAMMAR, "grammar_lazy": True, "grammar_triggers": []},
        "schema and grammar": {"grammar": GRAMMAR, "json_schema": SCHEMA},
        "unknown sampler": {"samplers": ["no_such_sampler"]},
        "unknown sampler letter": {"samplers": "Z"},
        "unknown adapter": {"lora": [{"id": 7, "scale": 1.0}]},
        "adapter without scale": {"lora": [{"id": 7}]},
        "bias of a token beyond the vocabulary": {"logit_bias": [[10_000_000, 1]]},
        "bias that is no number": {"logit_bias": [[504, "much"]]},
        "bias pair of three": {"logit_bias": [[504, 1, 2]]},
        "stop number": {"stop": 7},
    }
    for name, fields in bad.items():
        yield Asked(f"completion: {name}", "POST", "/completion", {**SHORT, **fields})


def _tokens() -> Iterator[Asked]:
    for name, body in {
        "plain": {"content": "Hello world"},
        "special": {"content": "<|im_start|>user", "add_special": True},
        "special as text": {"content": "<|im_start|>user", "parse_special": False},
        "pieces": {"content": "Hello world", "with_pieces": True},
        "pieces of half a character": {"content": "𒀀", "with_pieces": True},
        "mixed": {"content": ["Hello", 504, " world"]},
        "empty": {"content": ""},
        "nothing": {},
        "number": {"content": 7},
        "null": {"content": None},
        "list of lists": {"content": [["a"]]},
        "options of a wrong type": {"content": "a", "with_pieces": "yes"},
    }.items():
        yield Asked(f"tokenize: {name}", "POST", "/tokenize", body)
    for name, body in {
        "plain": {"tokens": [504, 3575]},
        "empty": {"tokens": []},
        "nothing": {},
        "beyond the vocabulary": {"tokens": [10_000_000]},
        "negative": {"tokens": [-1]},
        "texts": {"tokens": ["a"]},
        "number": {"tokens": 7},
    }.items():
        yield Asked(f"detokenize: {name}", "POST", "/detokenize", body)
    for route in ("tokenize", "detokenize"):
        yield Asked(f"{route}: malformed", "POST", f"/{route}", b"{")
        yield Asked(f"{route}: empty body", "POST", f"/{route}", b"")
        yield Asked(f"{route}: GET", "GET", f"/{route}")


def _templates() -> Iterator[Asked]:
    for name, body in {
        "plain": {"messages": HELLO},
        "system": {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]},
        "without generation prompt": {"messages": HELLO, "add_generation_prompt": False},
        "prefill": {"messages": [*HELLO, {"role": "assistant", "content": "Well,"}]},
        "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        "tools": {"messages": HELLO, "tools": [TOOL]},
        "arguments": {"messages": HELLO, "chat_template_kwargs": {"enable_thinking": False}},
        "no messages": {},
        "messages number": {"messages": 7},
        "message without content": {"messages": [{"role": "user"}]},
        "picture": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
    }.items():
        yield Asked(f"apply-template: {name}", "POST", "/apply-template", body)
        yield Asked(f"input_tokens: {name}", "POST", "/v1/chat/completions/input_tokens", body)
    yield Asked("apply-template: malformed", "POST", "/apply-template", b"[")


def _infill() -> Iterator[Asked]:
    yield Asked("infill: plain", "POST", "/infill", {**GREEDY, "input_prefix": "def f(", "input_suffix": "\n"})
    yield Asked("infill: GET", "GET", "/infill")


def _state() -> Iterator[Asked]:
    for path in ("/health", "/v1/health", "/props", "/slots", "/slots?fail_on_no_slot=1", "/lora-adapters", "/metrics"):
        yield Asked(f"GET {path}", "GET", path)
    yield Asked("busy slots", "GET", "/slots", busy=True)
    yield Asked("props: change", "POST", "/props", {})
    yield Asked("slots: save", "POST", "/slots/0?action=save", {"filename": "a.bin"})
    yield Asked("slots: restore", "POST", "/slots/0?action=restore", {"filename": "a.bin"})
    yield Asked("slots: erase", "POST", "/slots/0?action=erase", {})
    yield Asked("slots: restore what is not there", "POST", "/slots/0?action=restore", {"filename": "none.bin"})
    yield Asked("slots: a path for a name", "POST", "/slots/0?action=save", {"filename": "../a"})
    yield Asked("slots: no name", "POST", "/slots/0?action=save", {})
    yield Asked("slots: unknown action", "POST", "/slots/0?action=burn", {"filename": "a.bin"})
    yield Asked("slots: no action", "POST", "/slots/0", {"filename": "a.bin"})
    yield Asked("slots: no such slot", "POST", "/slots/100?action=erase", {})
    yield Asked("slots: no number", "POST", "/slots/first?action=erase", {})
    yield Asked("lora-adapters: none", "POST", "/lora-adapters", [])
    yield Asked("lora-adapters: unknown", "POST", "/lora-adapters", [{"id": 7, "scale": 1.0}])
    yield Asked("lora-adapters: no list", "POST", "/lora-adapters", {"id": 0, "scale": 1.0})
    yield Asked("lora-adapters: malformed", "POST", "/lora-adapters", b"[")


def _chats() -> Iterator[Asked]:
    good: Mapping[str, Json] = {
        "plain": {},
        "streamed": {"stream": True},
        "streamed, usage": {"stream": True, "stream_options": {"include_usage": True}},
        "streamed, logprobs": {"stream": True, "logprobs": True, "top_logprobs": 2},
        "streamed, times": {"stream": True, "timings_per_token": True},
        "streamed, progress": {"stream": True, "return_progress": True, "cache_prompt": False},
        "two answers": {"n": 2},
        "logprobs": {"logprobs": True, "top_logprobs": 2},
        "stop": {"stop": ["!"]},
        "max_completion_tokens": {"max_completion_tokens": 3},
        "n_predict": {"n_predict": 3},
        "system": {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]},
        "developer": {"messages": [{"role": "developer", "content": "Be brief."}, *HELLO]},
        "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        "prefill": {"messages": [*HELLO, {"role": "assistant", "content": "Well,"}]},
        "tool results": {
            "messages": [
                *HELLO,
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
                {"role": "tool", "tool_call_id": "1", "content": "2"},
            ]
        },
        "tools not used": {"tools": [TOOL], "tool_choice": "none"},
        "a tool that must be used": {"tools": [TOOL], "tool_choice": "required", "max_tokens": 60},
        "streamed, a tool that must be used": {
            "tools": [TOOL], "tool_choice": "required", "max_tokens": 60, "stream": True
        },
        "format text": {"response_format": {"type": "text"}},
        "format json_object": {"response_format": {"type": "json_object"}, "max_tokens": 16},
        "format json_schema": {"response_format": FORMAT, "max_tokens": 24},
        "grammar": {"grammar": GRAMMAR},
        "native fields": {"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1, "mirostat": 0},
        "template arguments": {"chat_template_kwargs": {"enable_thinking": False}},
        "reasoning format": {"reasoning_format": "none"},
        "reasoning effort": {"reasoning_effort": "none"},
        "budget for thoughts": {"thinking_budget_tokens": 2},
        "nulls": {"temperature": None, "stop": None, "tools": None, "response_format": None, "n": None},
        "model": {"model": "gpt-4o"},
        "prediction": {"prediction": {"type": "content", "content": "Hi"}},
        "verbose": {"verbose": True},
        "user": {"user": "u", "metadata": {}, "store": False, "service_tier": "auto"},
    }  # fmt: skip
    for name, fields in good.items():
        yield Asked(f"chat: {name}", "POST", "/v1/chat/completions", {**CHAT, **fields})
    yield Asked("chat without /v1", "POST", "/chat/completions", CHAT)


def _chats_wrong() -> Iterator[Asked]:
    yield from _wrong("chat", "/v1/chat/completions", CHAT)
    bad: Mapping[str, Json] = {
        "messages missing": {"messages": None},
        "messages empty": {"messages": []},
        "messages text": {"messages": "hi"},
        "message without role": {"messages": [{"content": "hi"}]},
        "message without content": {"messages": [{"role": "user"}]},
        "content number": {"messages": [{"role": "user", "content": 7}]},
        "part without type": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
        "part of an unknown type": {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        "picture": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "two answers at the end": {"messages": [*HELLO, *2 * [{"role": "assistant", "content": "a"}]]},
        "longer than the context": {"messages": [{"role": "user", "content": LONG}]},
        "top_logprobs without logprobs": {"top_logprobs": 2},
        "logprobs with tools and stream": {"logprobs": True, "tools": [TOOL], "stream": True},
        "n 0": {"n": 0},
        "n 1000": {"n": 1000},
        "unknown format": {"response_format": {"type": "xml"}},
        "format of a wrong type": {"response_format": "json_object"},
        "bad schema": {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "no"}}}},
        "schema and grammar": {"json_schema": SCHEMA, "grammar": GRAMMAR},
        "tools and grammar": {"tools": [TOOL], "grammar": GRAMMAR},
        "tool without name": {"tools": [{"type": "function", "function": {}}]},
        "tool of an unknown type": {"tools": [{"type": "retrieval"}]},
        "unknown tool choice": {"tools": [TOOL], "tool_choice": "sometimes"},
        "enable_thinking as text": {"chat_template_kwargs": {"enable_thinking": "no"}},
        "unknown reasoning format": {"reasoning_format": "loud"},
        "continue and generate": {"continue_final_message": True, "add_generation_prompt": True},
        "temperature text": {"temperature": "hot"},
        "stream text": {"stream": "yes"},
    }
    for name, fields in bad.items():
        yield Asked(f"chat: {name}", "POST", "/v1/chat/completions", {**CHAT, **fields})


def _texts() -> Iterator[Asked]:
    path = "/v1/completions"
    yield from _wrong("v1 completion", path, COMPLETE)
    good: Mapping[str, Json] = {
        "plain": {},
        "streamed": {"stream": True},
        "streamed, usage": {"stream": True, "stream_options": {"include_usage": True}},
        "two prompts": {"prompt": ["a", "b"]},
        "token prompt": {"prompt": [504, 3575, 282]},
        "two copies": {"n": 2},
        "logprobs": {"logprobs": 2},
        "streamed, logprobs": {"logprobs": 2, "stream": True},
        "echo": {"echo": True},
        "suffix": {"suffix": "."},
        "best_of": {"best_of": 2},
        "prompt empty list": {"prompt": []},
        "prompt null": {"prompt": None},
        "longer than the context": {"prompt": LONG},
        "bad grammar": {"grammar": "root ::= ("},
    }
    for name, fields in good.items():
        yield Asked(f"v1 completion: {name}", "POST", path, {**COMPLETE, **fields})
    for route in ("/v1/models", "/models"):
        yield Asked(f"GET {route}", "GET", route)


def _responses() -> Iterator[Asked]:
    path, good = "/v1/responses", {"temperature": 0, "max_output_tokens": 4, "input": "Say hi."}
    for name, fields in {
        "plain": {},
        "streamed": {"stream": True},
        "messages": {"input": [{"role": "user", "content": "Say hi."}]},
        "parts": {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Say hi."}]}]},
        "instructions": {"instructions": "Be brief."},
        "number": {"input": 7},
        "null": {"input": None},
        "picture": {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        "temperature text": {"temperature": "hot"},
        "longer than the context": {"input": LONG},
    }.items():
        yield Asked(f"responses: {name}", "POST", path, {**good, **fields})
    yield Asked("responses: nothing but an empty object", "POST", path, {})
    yield Asked("responses: malformed", "POST", path, b"{")
    yield Asked("responses: counted", "POST", f"{path}/input_tokens", good)


def _vectors() -> Iterator[Asked]:
    good: Mapping[str, Json] = {
        "one": {"input": "Hello"},
        "two": {"input": ["Hello", "world"]},
        "tokens": {"input": [504, 3575]},
        "lists of tokens": {"input": [[504], [3575]]},
        "mixed": {"input": ["Hello", [3575]]},
        "content": {"content": "Hello"},
        "contents": {"content": ["Hello", "world"]},
        "base64": {"input": "Hello", "encoding_format": "base64"},
        "not normalised": {"input": "Hello", "embd_normalize": -1},
        "nothing": {},
        "empty list": {"input": []},
        "number": {"input": 7},
        "null": {"input": None},
        "unknown format": {"input": "Hello", "encoding_format": "hex"},
        "token beyond the vocabulary": {"input": [10_000_000]},
        "longer than the context": {"input": LONG},
    }
    for path in ("/embedding", "/embeddings", "/v1/embeddings"):
        for name, body in good.items():
            yield Asked(f"{path}: {name}", "POST", path, body, vectors=True)
        yield Asked(f"{path}: malformed", "POST", path, b"{", vectors=True)
    for path in ("/rerank", "/v1/rerank", "/reranking", "/v1/reranking"):
        yield Asked(f"{path}: no such model", "POST", path, {"query": "q", "documents": ["a", "b"]})
    for path in ("/embedding", "/v1/embeddings"):
        yield Asked(f"{path}: not started for it", "POST", path, {"input": "Hello"})


def _addresses() -> Iterator[Asked]:
    for path in ("/nothing", "/v1/nothing", "/v1", "/completion/x", "/slots/0/x", "/v1/chat"):
        yield Asked(f"GET {path}", "GET", path)
        yield Asked(f"POST {path}", "POST", path, {})
    for method, path in (
        ("GET", "/completion"), ("GET", "/v1/chat/completions"), ("PUT", "/completion"), ("DELETE", "/slots"),
        ("POST", "/health"), ("POST", "/slots"), ("POST", "/v1/models"), ("PATCH", "/v1/completions"),
    ):  # fmt: skip
        yield Asked(f"wrong method: {method} {path}", method, path, {} if method != "GET" else None)
    for path in ("/tools", "/cors-proxy", "/v1/stream"):
        yield Asked(f"GET {path}", "GET", path)
    yield Asked("control", "POST", "/v1/chat/completions/control", {})
    yield Asked("streams", "POST", "/v1/streams/lookup", {})
    yield Asked("transcriptions", "POST", "/v1/audio/transcriptions", {})


def _wrong(name: str, path: str, good: Mapping[str, Json]) -> Iterator[Asked]:
    """What is wrong on every route that takes an object with a prompt."""
    needed = "messages" if "messages" in good else "prompt"
    without = {key: value for key, value in good.items() if key != needed}
    yield Asked(f"{name}: nothing but an empty object", "POST", path, {})
    yield Asked(f"{name}: no {needed}", "POST", path, without)
    yield Asked(f"{name}: malformed", "POST", path, b'{"prompt": ')
    yield Asked(f"{name}: empty body", "POST", path, b"")
    yield Asked(f"{name}: a list", "POST", path, [])
    yield Asked(f"{name}: null", "POST", path, b"null")
    yield Asked(f"{name}: bytes that are no UTF-8", "POST", path, b'{"prompt": "\xff\xfe", "messages": []}')
