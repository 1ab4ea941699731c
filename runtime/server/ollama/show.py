"""POST /api/show: everything about one model, its header included. Read from the file: nothing is loaded for it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.fleet import Model
from runtime.errors import LmfileError
from runtime.gguf import Gguf
from runtime.payload import Message
from runtime.server.adapters import ADAPTERS
from runtime.server.body import read_json
from runtime.server.model_files import MODEL_FILES, ModelFile, elements, header
from runtime.server.ollama.answers import written
from runtime.server.ollama.listing import Capability, Details, capabilities, details, template_of
from runtime.server.ollama.loaded import find, known_name
from runtime.server.options import ServerOptions
from runtime.server.problem import unavailable
from runtime.server.replies import json_response
from runtime.server.service import SERVICE

ELSEWHERE = ("general.name", "tokenizer.chat_template")
"""Keys of the header that the answer tells in other places."""

PARAMETERS = (
    "temperature top_k top_p min_p typical_p repeat_last_n repeat_penalty presence_penalty frequency_penalty".split()
)


class ShowBody(msgspec.Struct, kw_only=True):
    """The request. `name` is the old word for `model`. verbose: with the lists of the header, and the tensors."""

    model: Annotated[str, Meta(max_length=1024)] | None = None
    name: Annotated[str, Meta(max_length=1024)] | None = None
    verbose: bool | None = None


class TensorField(msgspec.Struct, kw_only=True):
    """One tensor of the model."""

    name: str
    type: str
    shape: list[int]


class ShowAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The model. template: Jinja, as the model brings it. model_info: the header; lists are null unless `verbose`.

    parameters: what is used where a request says nothing. system, messages: what the publisher has packed with the main
    model: conversations of the page begin with the one, every conversation with the others.
    """

    modelfile: str
    parameters: str
    template: str
    details: Details
    model_info: dict[str, object]
    capabilities: list[Capability]
    modified_at: str
    license: str | None = None
    system: str | None = None
    messages: list[dict[str, str]] | None = None
    tensors: list[TensorField] | None = None


async def answer(request: web.Request) -> web.Response:
    """Everything about one model."""
    body = await read_json(request, ShowBody)
    service = request.app[SERVICE]
    wanted = body.model or body.name
    model = find(service, wanted)
    file = await request.app[MODEL_FILES].of(model.entry)
    template = template_of(model, file)
    parameters = _parameters(service.options)
    is_main = model is service.fleet.main
    system = service.options.system_prompt if is_main else ""
    messages = service.options.assistant.messages if is_main else ()
    shown = ShowAnswer(
        modelfile=_modelfile(model.entry.name, template, system, parameters, messages),
        parameters="\n".join(f"{name:<30} {value}" for name, value in parameters),
        template=template,
        details=details(file, await _parent(request, model, known_name(service, wanted))),
        model_info=_info(file),
        capabilities=capabilities(model, file),
        modified_at=written(file.modified),
        license=file.facts.license,
        system=system or None,
        messages=[message._asdict() for message in messages] or None,
    )
    if body.verbose:
        await asyncio.to_thread(_add_lists, shown, model)
    return json_response(shown)


async def _parent(request: web.Request, model: Model, name: str) -> str:
    """The model of an adapter; empty for a model."""
    adapters = {one.wanted.name for one in await request.app[ADAPTERS].listed(model)}
    return model.entry.name if name in adapters else ""


def _info(file: ModelFile) -> dict[str, object]:
    values = {key: value for key, value in file.values.items() if key not in ELSEWHERE}
    return {**values, "general.parameter_count": file.facts.parameters, **dict.fromkeys(file.lists)}


def _parameters(options: ServerOptions) -> list[tuple[str, str]]:
    """Names and values as a Modelfile has them; `stop` as often as there are texts."""
    values = [(name, getattr(options.sampling, name)) for name in PARAMETERS]
    return [(name, json.dumps(value)) for name, value in [*values, *(("stop", text) for text in options.stop)]]


def _modelfile(
    name: str, template: str, system: str, parameters: list[tuple[str, str]], messages: Sequence[Message]
) -> str:
    lines = [f"FROM {name}", f'TEMPLATE """{template}"""', *([f'SYSTEM """{system}"""'] if system else [])]
    lines += [f"PARAMETER {key} {value}" for key, value in parameters]
    lines += [f'MESSAGE {message.role} """{message.content}"""' for message in messages]
    return "\n".join([*lines, ""])


def _add_lists(shown: ShowAnswer, model: Model) -> None:
    try:
        read: Gguf = header(model.entry)
    except LmfileError as failure:
        raise unavailable(f"The file of the model `{model.entry.name}` cannot be read: {failure}") from failure
    for key, value in shown.model_info.items():
        if value is None:
            shown.model_info[key] = elements(read, key)
    shown.tensors = [
        TensorField(name=one.name, type=one.type.name, shape=[*one.shape]) for one in read.tensors.values()
    ]
