"""The tables of `lmfile.toml` as records: they check what is read, and the published JSON schema is made from them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runtime.payload.assistant import (
    MAX_CONVERSATION,
    MAX_GREETING,
    MAX_MESSAGES,
    MAX_NAME,
    MAX_STARTER,
    MAX_STARTERS,
    MAX_SYSTEM_PROMPT,
)
from runtime.payload.defaults import MAX_DEFAULTS
from runtime.payload.manifest import MAX_SCALE

SCHEMA_ADDRESS = "https://json-schema.org/draft/2020-12/schema"
MAX_MODELS = 64
MAX_ADAPTERS = 1000
MAX_PATH = 4096

Path = Annotated[str, Meta(min_length=1, max_length=MAX_PATH)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.+@-]{0,64}$")]
Role = Literal["", "chat", "embed", "rerank", "draft", "mmproj"]


class Table(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """What all tables have in common: keys like-this, and no others."""


class ModelTable(Table, frozen=True):
    """One model."""

    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_PATH,
            description="A GGUF, a folder of safetensors, a llamafile, a known name like smollm2, hf:org/repo[:quant] "
            "or an https address. Paths are seen from the recipe's folder.",
        ),
    ]
    role: Annotated[Role, Meta(description="What it is for; empty: what it was made for.")] = ""
    name: Annotated[Name, Meta(description="What requests call it; empty: its file's name.")] = ""
    quantize: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_]{0,16}$", description="The type to quantise to, as q4_k_m; empty: as it is.")
    ] = ""
    imatrix: Annotated[str, Meta(max_length=MAX_PATH, description="An importance matrix for the quantisation.")] = ""
    sha256: Annotated[
        str, Meta(pattern=r"^([0-9a-fA-F]{64})?$", description="Of the file at an https address, in hex.")
    ] = ""
    license: Annotated[
        str, Meta(max_length=MAX_NAME, description="Its licence, as apache-2.0; empty: as the file says.")
    ] = ""
    chat_template: Annotated[
        str, Meta(description="Of the first chat model: a file with Jinja, or the Jinja itself; empty: its own.")
    ] = ""


class AdapterTable(Table, frozen=True):
    """One LoRA adapter."""

    source: Annotated[Path, Meta(description="A GGUF, or a PEFT folder.")]
    name: Annotated[Name, Meta(description="What requests call it; empty: its file's name.")] = ""
    scale: Annotated[
        float,
        Meta(ge=-MAX_SCALE, le=MAX_SCALE, description="Its weight in every answer; 0: only where a request asks."),
    ] = 0.0


class MessageTable(Table, frozen=True):
    """One message of the conversation that stands before every other."""

    role: Annotated[Literal["user", "assistant"], Meta(description="Who says it.")]
    content: Annotated[str, Meta(max_length=MAX_CONVERSATION, description="What is said.")]


class AssistantTable(Table, frozen=True):
    """What people see in place of our own name and words."""

    icon: Annotated[str, Meta(max_length=MAX_PATH, description="A PNG, best 512 x 512, or a plain SVG.")] = ""
    color: Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?$", description="The page's colour, as #3366cc.")] = ""
    greeting: Annotated[
        str, Meta(max_length=MAX_GREETING, description="What an empty conversation shows; @FILE: what stands in it.")
    ] = ""
    system_prompt: Annotated[
        str,
        Meta(
            max_length=MAX_SYSTEM_PROMPT, description="What conversations begin with; @FILE: what stands in that file."
        ),
    ] = ""
    starters: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=MAX_STARTER)]],
        Meta(max_length=MAX_STARTERS, description="First questions to click on."),
    ] = []
    messages: Annotated[
        list[MessageTable], Meta(max_length=MAX_MESSAGES, description="A conversation that stands before every other.")
    ] = []


class RecipeTable(Table, frozen=True):
    """A recipe of an executable: `lmfile.toml`."""

    model: Annotated[list[ModelTable], Meta(min_length=1, max_length=MAX_MODELS, description="The models.")]
    name: Annotated[
        str, Meta(max_length=MAX_NAME, description="What the executable calls itself; empty: the model's name.")
    ] = ""
    version: Annotated[str, Meta(max_length=MAX_NAME, description="The publisher's own, as 1.2.0.")] = ""
    output: Annotated[str, Meta(max_length=MAX_PATH, description="The executable to write.")] = ""
    targets: Annotated[
        list[str], Meta(max_length=16, description="Where it will run, as linux-x86_64; empty: computers like this.")
    ] = []
    bake: Annotated[bool, Meta(description="Compute the system prompt now: the first answer comes at once.")] = False
    sidecar: Annotated[bool, Meta(description="Put the weights in a file beside the executable.")] = False
    licenses: Annotated[
        list[Path], Meta(max_length=64, description="Licence texts to pack besides those that are known.")
    ] = []
    assistant: Annotated[AssistantTable, Meta(description="What people see.")] = AssistantTable()
    adapter: Annotated[list[AdapterTable], Meta(max_length=MAX_ADAPTERS, description="LoRA adapters.")] = []
    defaults: Annotated[
        dict[str, str | int | float | bool | list[str]],
        Meta(
            max_length=MAX_DEFAULTS,
            description="Flags of the executable without dashes, as ctx-size = 4096; the user's own flags win.",
        ),
    ] = {}


def schema() -> dict[str, Any]:
    """The JSON schema of `lmfile.toml`, as it is published; `[defaults]` with every flag that may be packed."""
    (made,), definitions = msgspec.json.schema_components([RecipeTable], ref_template="#/$defs/{name}")
    del made
    top = definitions.pop("RecipeTable")
    top["properties"]["defaults"] |= {"properties": _flags(), "additionalProperties": False}
    plain = {"$schema": SCHEMA_ADDRESS, **top, "title": "lmfile.toml", "$defs": definitions}
    return msgspec.to_builtins(plain)  # type: ignore[no-any-return]


def _flags() -> dict[str, Any]:
    from runtime.cli.flags import FLAGS
    from runtime.payload.defaults import PACKABLE

    return {
        name.removeprefix("--"): _property(flag)
        for flag in FLAGS
        if flag.name in PACKABLE
        for name in flag.names
        if name.startswith("--")
    }


def _property(flag: Any) -> dict[str, Any]:
    """A flag of `runtime.cli.flags` as a property."""
    about: dict[str, Any] = {"description": flag.help}
    match flag.kind:
        case "switch":
            return about | {"type": "boolean"}
        case "int" | "float":
            number: dict[str, Any] = {"type": "integer" if flag.kind == "int" else "number"}
            bounds = (("minimum", flag.low), ("maximum", flag.high))
            number |= {key: bound for key, bound in bounds if abs(bound) != float("inf")}
            words = [word for word, _ in flag.words]
            return about | ({"anyOf": [number, {"enum": words}]} if words else number)
        case "texts":
            texts = {"type": "array", "items": {"type": "string", "minLength": 1}}
            return about | {"anyOf": [{"type": "string"}, texts]}
    return about | ({"enum": list(flag.choices)} if flag.choices else {"type": "string"})
