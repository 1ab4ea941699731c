"""The `options` of a request, by Ollama's names: how the answer is generated.

Those that are about loading the model are taken and change nothing: the server has decided that at its start.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from runtime.engine.protocol import Seed
from runtime.server.constraints import ResponseFormat
from runtime.server.fields import Count, CountOrAll, GenerationFields, Penalty, Scale, Share, StopWord
from runtime.server.problem import invalid

Limit = Annotated[int, Meta(ge=-2, le=1 << 24)]
"""Tokens; 0 and below: as many as fit."""

FormatField = Annotated[
    Raw, Meta(extra_json_schema={"type": ["string", "object", "null"], "description": "`json`, or a JSON schema."})
]


class OptionFields(msgspec.Struct, kw_only=True):
    """How the answer is generated; `None` is what was not given, or given as null.

    num_ctx and those after it are the server's to decide.
    """

    num_predict: Limit | None = None
    num_keep: CountOrAll | None = None
    draft_num_predict: Annotated[int, Meta(ge=-1, le=1024)] | None = None
    seed: Seed | None = None
    temperature: Scale | None = None
    top_k: CountOrAll | None = None
    top_p: Share | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repeat_last_n: CountOrAll | None = None
    repeat_penalty: Scale | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None = None
    mirostat_tau: Scale | None = None
    mirostat_eta: Share | None = None
    stop: StopWord | Annotated[list[StopWord], Meta(max_length=16)] | None = None

    num_ctx: Count | None = None
    num_batch: Count | None = None
    num_gpu: CountOrAll | None = None
    main_gpu: CountOrAll | None = None
    num_thread: CountOrAll | None = None
    use_mmap: bool | None = None


_SAME = (
    "seed temperature top_k top_p min_p typical_p repeat_last_n repeat_penalty presence_penalty frequency_penalty "
    "mirostat mirostat_tau mirostat_eta stop"
).split()


def generation_fields(options: OptionFields | None, wanted: Raw) -> GenerationFields:
    """Return `options`, and the `format` that is wanted, in the words that all dialects share. Raises: Problem."""
    given = options or OptionFields()
    fields = GenerationFields(**{name: getattr(given, name) for name in _SAME})
    if given.num_predict is not None:
        fields.n_predict = given.num_predict if given.num_predict > 0 else -1
    fields.n_keep, fields.n_draft = given.num_keep, given.draft_num_predict
    text = bytes(wanted)
    if text == b'"json"':
        fields.response_format = ResponseFormat(type="json_object")
    elif text[:1] == b"{":
        fields.json_schema = wanted
    elif text not in (b"", b"null", b'""'):
        raise invalid("`format`: expected `json` or a JSON schema.")
    return fields
