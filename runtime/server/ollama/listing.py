"""GET /api/tags, which models there are, and GET /api/ps, which of them are in memory. Adapters are models, too."""

from collections.abc import AsyncIterator
from typing import Literal

import msgspec
from aiohttp import web

from runtime import chat
from runtime.engine.fleet import Model
from runtime.server.adapters import ADAPTERS
from runtime.server.infilling import fills_gaps
from runtime.server.model_files import MODEL_FILES, AdapterFile, ModelFile, adapter_file
from runtime.server.ollama.answers import in_future, written
from runtime.server.ollama.dialect import TAG
from runtime.server.replies import json_response
from runtime.server.service import SERVICE

Capability = Literal["completion", "tools", "insert", "thinking", "embedding"]

GAP_TOKENS = ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id")
"""Where headers say that a model fills gaps."""


class Details(msgspec.Struct, kw_only=True):
    """What a model is. parent_model: of an adapter, the model it belongs to."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str
    context_length: int
    embedding_length: int


class ListedModel(msgspec.Struct, kw_only=True):
    """One model or adapter. digest: sha256 of its weights; of a file that was never hashed, of its beginning."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: list[Capability]


class Listing(msgspec.Struct, kw_only=True):
    """All models."""

    models: list[ListedModel]


class LoadedModel(msgspec.Struct, kw_only=True):
    """One model in memory; sizes in bytes, of the weights and of what surrounds them."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


class LoadedListing(msgspec.Struct, kw_only=True):
    """The models in memory."""

    models: list[LoadedModel]


async def tags(request: web.Request) -> web.Response:
    """Every model there is, loaded or not, and after each its adapters."""
    return json_response(Listing(models=[one async for one in _all(request)]))


async def running(request: web.Request) -> web.Response:
    """The models that are in memory now, and for how long they stay there."""
    fleet, files = request.app[SERVICE].fleet, request.app[MODEL_FILES]
    found = []
    for model in fleet.models:
        facts, file = model.engine.facts, await files.known(model.entry)
        if model.status == "loaded" and facts and file:
            size = facts.memory_bytes or facts.size_bytes
            share = min(1.0, facts.n_gpu_layers / file.facts.layers) if facts.n_gpu_layers >= 0 else 1.0
            loaded = LoadedModel(
                name=tagged(model.entry.name),
                model=tagged(model.entry.name),
                size=size,
                digest=file.digest,
                details=details(file),
                expires_at=in_future(fleet.unloads_in_s(model)),
                size_vram=int(size * share),
                context_length=facts.n_ctx,
            )
            found.append(loaded)
    return json_response(LoadedListing(models=found))


def details(file: ModelFile, parent: str = "") -> Details:
    """What a model is, in Ollama's words."""
    facts = file.facts
    return Details(
        parent_model=parent,
        format="gguf",
        family=facts.architecture,
        families=[facts.architecture],
        parameter_size=_short(facts.parameters),
        quantization_level=facts.file_type,
        context_length=facts.context_length,
        embedding_length=facts.embedding_length,
    )


def capabilities(model: Model, file: ModelFile) -> list[Capability]:
    """What a model can be asked for. Tools, all that chat: a grammar holds those that were not trained for them."""
    if file.facts.role != "chat":
        return ["embedding"] if file.facts.role == "embed" else []
    found: list[Capability] = ["completion"]
    template = template_of(model, file)
    if template:
        found.append("tools")
    facts = model.engine.facts  # the engine also knows gap tokens that the header does not name
    if any(key in file.values for key in GAP_TOKENS) or (facts and fills_gaps(facts)):
        found.append("insert")
    if chat.find(template).thinks:
        found.append("thinking")
    return found


def template_of(model: Model, file: ModelFile) -> str:
    """The chat template that is used; empty where there is none."""
    config, facts = model.entry.config, model.engine.facts
    if config.chat_template_file and facts:
        return facts.chat_template
    return config.chat_template or file.facts.chat_template or ""


def tagged(name: str) -> str:
    """A name as it is listed."""
    return name if ":" in name else name + TAG


async def _all(request: web.Request) -> AsyncIterator[ListedModel]:
    files, book = request.app[MODEL_FILES], request.app[ADAPTERS]
    for model in request.app[SERVICE].fleet.models:
        file = await files.known(model.entry)
        if file is None:
            continue
        able = capabilities(model, file)
        yield _listed(model.entry.name, file, details(file), able)
        for adapter in await book.listed(model):
            if found := await adapter_file(adapter.wanted):
                yield _listed(adapter.wanted.name, found, details(file, parent=model.entry.name), able)


def _listed(name: str, file: ModelFile | AdapterFile, described: Details, able: list[Capability]) -> ListedModel:
    return ListedModel(
        name=tagged(name),
        model=tagged(name),
        modified_at=written(file.modified),
        size=file.size_bytes,
        digest=file.digest,
        details=described,
        capabilities=able,
    )


def _short(count: int) -> str:
    """A number of parameters as people say it: 134.52M, 7.6B."""
    for unit, size, places in (("T", 10**12, 1), ("B", 10**9, 1), ("M", 10**6, 2), ("K", 10**3, 0)):
        if count >= size:
            return f"{count / size:.{places}f}".removesuffix(".0").removesuffix(".00") + unit
    return str(count)
