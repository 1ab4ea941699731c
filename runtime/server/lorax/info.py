"""GET /info: the model, and how much it takes."""

import msgspec
from aiohttp import web

from runtime.server.lorax.answers import device
from runtime.server.lorax.dialect import MAX_BEST_OF, MAX_STOP_SEQUENCES
from runtime.server.model_files import MODEL_FILES
from runtime.server.replies import json_response
from runtime.server.service import SERVICE
from runtime.version import VERSION


class Info(msgspec.Struct, kw_only=True):
    """The model and the limits; lengths in tokens. model_sha: sha256 of the weights, as far as it is known.

    The last three, and how LoRAX forms its batches, have no counterpart here.
    """

    model_id: str
    model_sha: str
    model_dtype: str
    model_device_type: str
    model_pipeline_tag: str
    max_concurrent_requests: int
    max_best_of: int
    max_stop_sequences: int
    max_input_length: int
    max_total_tokens: int
    waiting_served_ratio: float = 0.0
    max_batch_total_tokens: int
    max_waiting_tokens: int = 0
    validation_workers: int = 1
    eager_prefill: bool = True
    version: str = VERSION
    sha: str | None = None
    docker_label: str | None = None
    request_logger_url: str | None = None


async def answer(request: web.Request) -> web.Response:
    """The model that is served and the limits of requests to it."""
    service = request.app[SERVICE]
    facts, entry = service.facts(), service.model.entry
    file = await request.app[MODEL_FILES].of(entry)
    return json_response(
        Info(
            model_id=service.options.alias,
            model_sha=file.digest,
            model_dtype=facts.file_type,
            model_device_type=device(facts),
            model_pipeline_tag="text-generation" if facts.generates else "feature-extraction",
            max_concurrent_requests=facts.n_slots + entry.config.max_queue,
            max_best_of=MAX_BEST_OF,
            max_stop_sequences=MAX_STOP_SEQUENCES,
            max_input_length=facts.n_ctx - 1,
            max_total_tokens=facts.n_ctx,
            max_batch_total_tokens=facts.n_ctx,
        )
    )
