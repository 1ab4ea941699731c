"""The `options` of a request, by Ollama's names: how the answer is generated.

Those that are about loading the model are taken and change nothing: the server has decided that at its start.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from runtime.engine.protocol import Seed
from runtime.server.constraints import ResponseFormat
from runtime.server.fields import GenerationFields, Penalty, Scale, Share, StopWord
from runtime.server.problem import invalid

# Whole numbers may be written as 40.0: Ollama takes that, and some of its clients have no other numbers.
Limit = Annotated[int, Meta(ge=-2, le=1 << 24)] | Annotated[float, Meta(ge=-2, le=1 << 24)]
"""Tokens; 0 and below: as many as fit."""
Whole = Annotated[int, Meta(ge=-1, le=1 << 24)] | Annotated[float, Meta(ge=-1, le=1 << 24)]
WholeSeed = Seed | Annotated[float, Meta(ge=-1, le=2**32 - 1)]

FormatField = Annotated[
    Raw, Meta(extra_json_schema={"type": ["string", "object", "null"], "description": "`json`, or a JSON schema."})
]


class OptionFields(msgspec.Struct, kw_only=True):
    """How the answer is generated; `None` is what was not given, or given as null.

    num_ctx and those after it are the server's to decide.
    """

    num_predict: Limit | None = None
    num_keep: Whole | None = None
    draft_num_predict: Whole | None = None
    seed: WholeSeed | None = None
    temperature: Scale | None = None
    top_k: Whole | None = None
    top_p: Share | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repeat_last_n: Whole | None = None
    repeat_penalty: Scale | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | Annotated[float, Meta(ge=0, le=2)] | None = None
    mirostat_tau: Scale | None = None
    mirostat_eta: Share | None = None
    stop: StopWord | Annotated[list[StopWord], Meta(max_length=16)] | None = None

    num_ctx: Whole | None = None
    num_batch: Whole | None = None
    num_gpu: Whole | None = None
    main_gpu: Whole | None = None
    num_thread: Whole | None = None
    use_mmap: bool | None = None


_SAME = (
    "temperature top_p min_p typical_p repeat_penalty presence_penalty frequency_penalty mirostat_tau mirostat_eta stop"
).split()


def generation_fields(options: OptionFields | None, wanted: Raw) -> GenerationFields:
    """Return `options`, and the `format` that is wanted, in the words that all dialects share. Raises: Problem."""
    given = options or OptionFields()
    fields = GenerationFields(
        **{name: getattr(given, name) for name in _SAME},
        seed=_whole(given.seed),
        top_k=_whole(given.top_k),
        repeat_last_n=_whole(given.repeat_last_n),
        mirostat=_whole(given.mirostat),
        n_keep=_whole(given.num_keep),
        n_draft=_whole(given.draft_num_predict),
    )
    if given.num_predict is not None:
        fields.n_predict = int(given.num_predict) if given.num_predict > 0 else -1
    text = bytes(wanted)
    if text == b'"json"':
        fields.response_format = ResponseFormat(type="json_object")
    elif text[:1] == b"{":
        fields.json_schema = wanted
    elif text not in (b"", b"null", b'""'):
        raise invalid("`format`: expected `json` or a JSON schema.")
    return fields


def _whole(given: float | None) -> int | None:
    return None if given is None else int(given)
