"""Writes a recipe as a commented `lmfile.toml`: what it says, and every other key as a comment with its default.

Texts that are long or belong to others go into files beside it: a chat template, licences.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bundler.recipe.place import ADDRESSES
from bundler.recipe.recipe import Recipe, Setting, WantedAdapter, WantedModel

NAME = "lmfile.toml"
SCHEMA = "lmfile.schema.json"
TEMPLATE = "chat-template.jinja"

_UNSAFE = re.compile(r"[^\w.+ -]")

_DEFAULTS: tuple[tuple[str, Setting, str], ...] = (
    ("ctx-size", 0, "context in tokens; 0: the model's, if it fits"),
    ("temp", 0.8, "temperature; 0: the likeliest token"),
    ("top-k", 40, "keep the K likeliest tokens; 0: all"),
    ("top-p", 0.95, "keep tokens up to this share"),
    ("min-p", 0.05, "drop tokens below this share of the best"),
    ("repeat-penalty", 1.0, "penalty for repeated tokens; 1: none"),
    ("predict", -1, "tokens of an answer at most; -1: to the end"),
    ("seed", -1, "-1: a new one each time"),
    ("stop", (), "an answer ends before these texts"),
    ("reasoning", "auto", "whether models think before they answer: on, off or auto"),
    ("port", 8080, "port to listen on; 0: any free one"),
    ("parallel", -1, "requests computed at once; -1: by memory"),
    ("gpu-layers", -1, "layers on the GPU; -1: all that fit"),
    ("server", False, "serve, and leave the browser closed"),
)
"""Flags that publishers ask for first; `--help-all` of an executable tells the others."""


class Written(NamedTuple):
    """The text of the recipe, and the files that it names, by name."""

    text: str
    files: Mapping[str, str]


def written(recipe: Recipe, folder: Path) -> Written:
    """The recipe as it would lie in `folder`."""
    files: dict[str, str] = {}
    chats = [number for number, model in enumerate(recipe.models) if model.role in ("", "chat")]
    template = _beside(files, TEMPLATE, recipe.chat_template) if recipe.chat_template else ""
    templates = [template if chats[:1] == [number] else "" for number in range(len(recipe.models))]
    blocks = [
        _top(recipe, folder, tuple(_beside(files, each.name, each.text) for each in recipe.licenses)),
        _assistant(recipe, folder, files),
        *(_model(model, folder, number == 0, templates[number]) for number, model in enumerate(recipe.models)),
        *(_adapter(adapter, folder) for adapter in recipe.adapters),
        "" if recipe.adapters else _adapter(WantedAdapter("my-lora.gguf"), folder, is_example=True),
        _defaults(recipe.defaults),
    ]
    return Written("\n\n".join(filter(None, blocks)) + "\n", files)


def _beside(files: dict[str, str], name: str, text: str) -> str:
    """Put the text among the files; return the name that it has there."""
    plain = _UNSAFE.sub("_", name).strip(". ")[:100] or "LICENSE"
    named, number = plain, 1
    while named.lower() in (NAME, SCHEMA) or files.get(named, text) != text:
        number += 1
        named = f"{plain}-{number}"
    files[named] = text
    return named


def _words(files: dict[str, str], name: str, text: str) -> str:
    """The text itself, or the file where it stands if it would be read as the name of one."""
    return "@" + _beside(files, name, text + "\n") if text.startswith("@") else text


def _top(recipe: Recipe, folder: Path, licenses: tuple[str, ...]) -> str:
    return _lines(
        f"#:schema {SCHEMA}",
        "# What `lmfile build` makes of this. Lines that begin with # say what would be so without them.",
        "# Paths are seen from this file's folder.",
        "",
        _line("name", recipe.name, "", "what the executable calls itself; empty: the model's name"),
        _line("version", recipe.version, "", "your own, as 1.2.0"),
        _line("output", _path(recipe.output, folder), "", "the executable to write"),
        _line("targets", recipe.targets, (), "where it will run, as linux-x86_64; empty: computers like this one"),
        _line("bake", recipe.bake, False, "compute the system prompt now: the first answer comes at once"),
        _line("sidecar", recipe.sidecar, False, "put the weights in a file beside the executable"),
        _line("licenses", licenses, (), "texts to pack besides those that are known"),
    )


def _assistant(recipe: Recipe, folder: Path, files: dict[str, str]) -> str:
    prompt = _words(files, "system-prompt.txt", recipe.system_prompt)
    messages = [
        f"[[assistant.messages]]\nrole = {_text(message.role)}\ncontent = {_text(message.content)}"
        for message in recipe.messages
    ]
    if not messages:
        messages = [
            "# a conversation that stands before every other:\n"
            '# [[assistant.messages]]\n# role = "user"\n# content = "What is a sourdough?"'
        ]
    return _lines(
        "[assistant]  # what people see",
        _line("icon", _path(recipe.icon, folder), "", "a PNG, best 512 x 512, or a plain SVG"),
        _line("color", recipe.color, "", "the page's colour, as #3366cc"),
        _line("greeting", _words(files, "greeting.txt", recipe.greeting), "", "what an empty conversation shows"),
        _line("system-prompt", prompt, "", "what conversations begin with; @FILE: what stands there"),
        _line("starters", recipe.starters, (), "first questions to click on, at most 8"),
        "",
        "\n\n".join(messages),
    )


def _model(model: WantedModel, folder: Path, is_first: bool, template: str) -> str:
    about = "a GGUF, a folder of safetensors, a llamafile, smollm2, hf:org/repo[:quant] or https://…"
    rare = [
        _line("quantize", model.quantize, "", "the type to quantise to, as q4_k_m; empty: as it is"),
        _line("imatrix", _path(model.imatrix, folder), "", "an importance matrix for that"),
        _line("sha256", model.sha256, "", "of the file at an https address"),
        _line("license", model.license, "", "its licence, as apache-2.0; empty: as the file says"),
        _line("chat-template", template, "", "of the first chat model: a file with Jinja; empty: its own"),
    ]
    return _lines(
        "[[model]]  # one of these for each model",
        _line("source", _source(model.source, folder), "", about if is_first else ""),
        _line("role", model.role, "", "chat, embed, rerank, draft or mmproj; empty: what it was made for"),
        _line("name", model.name, "", "what requests call it; empty: its file's name"),
        *(rare if is_first else [line for line in rare if not line.startswith("#")]),
    )


def _adapter(adapter: WantedAdapter, folder: Path, is_example: bool = False) -> str:
    made = _lines(
        "[[adapter]]  # a LoRA adapter: a GGUF or a PEFT folder",
        f"source = {_text(_source(adapter.source, folder))}",
        _line("name", adapter.name, "", "what requests call it; empty: its file's name"),
        _line("scale", adapter.scale, 0.0, "its weight in every answer; 0: only where a request asks"),
    )
    if not is_example:
        return made
    return "\n".join(f"# {line.removeprefix('# ')}" for line in made.splitlines())


def _defaults(defaults: Mapping[str, Setting]) -> str:
    usual = [name for name, _, _ in _DEFAULTS]
    return _lines(
        "[defaults]  # flags of the executable without dashes; the user's own win",
        *(
            _line(name, defaults.get(name, usually), None if name in defaults else usually, about)
            for name, usually, about in _DEFAULTS
        ),
        *(f"{name} = {_value(value)}" for name, value in defaults.items() if name not in usual),
    )


def _line(key: str, value: Setting, usual: Setting | None, about: str) -> str:
    """A comment, if the value is the usual one."""
    line = f"{key} = {_value(value)}" + (f"  # {about}" if about and not _is_block(value) else "")
    return f"# {line}" if value == usual and type(value) is type(usual) else line


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _value(value: Setting) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case float() if not math.isfinite(value):
            return str(value)
    return repr(value)


def _text(text: str) -> str:
    if _is_block(text):
        return f"'''\n{text}'''"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_block(value: Setting) -> bool:
    """Whether this is a text that is read more easily as several lines, and can be written so."""
    if not isinstance(value, str) or "\n" not in value or "'''" in value or value.endswith("'"):
        return False
    return all(character in "\n\t" or (character >= " " and character != "\x7f") for character in value)


def _source(source: str, folder: Path) -> str:
    from bundler.models import KNOWN

    if source.startswith(ADDRESSES) or source in KNOWN:
        return source
    return _path(Path(source), folder)


def _path(path: Path | None, folder: Path) -> str:
    """Seen from the folder where that is near, with slashes as every system takes them."""
    if path is None:
        return ""
    try:
        near = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_posix()
    far = not path.is_absolute() or Path(near).parts[:3] == ("..", "..", "..")
    return path.as_posix() if far else Path(near).as_posix()
