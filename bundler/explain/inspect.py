"""`lmfile inspect`: what an executable holds, for people or as JSON."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from bundler.console import Console
from bundler.executable import open_executable
from bundler.explain import plain, signing
from runtime.errors import PayloadDamaged, SidecarMissing, SignatureWrong, UsageError
from runtime.payload import Adapter, Assistant, Model, Payload, Span
from runtime.payload.licences import licences
from runtime.payload.sidecar import find

Part = Literal["page", "json", "manifest", "licenses", "sbom"]

KEY_COLUMNS, COLUMNS = 10, 100
SBOM_NAME = "sbom.cdx.json"


def inspect(path: Path, part: Part, console: Console) -> None:
    """Print `part` of what `path` tells. Raises: UsageError, PayloadDamaged."""
    payload = open_executable(path)
    if part == "page":
        for row in _page(payload):
            console.result(row)
    elif part == "json":
        console.result(plain.as_json(_table(payload)))
    elif part == "manifest":
        console.result(plain.as_json(json.loads(payload.manifest_bytes)))
    elif part == "licenses":
        console.result(plain.page(licences(payload)).rstrip("\n"))
    else:
        console.result(plain.as_json(sbom(payload)))


def sbom(payload: Payload) -> Any:
    """The bill of materials. Raises: UsageError if there is none; PayloadDamaged."""
    member = payload.member(SBOM_NAME)
    if member is None:
        raise UsageError(f"Reading `{payload.path}`: it has no bill of materials; `lmfile repack` gives it one.")
    try:
        return json.loads(payload.read(member))
    except (ValueError, RecursionError) as error:
        raise PayloadDamaged(payload.path, f"`{SBOM_NAME}` is not JSON") from error


def _table(payload: Payload) -> dict[str, Any]:
    """The manifest, and what is known of the file besides."""
    table: dict[str, Any] = json.loads(payload.manifest_bytes)
    if payload.manifest.sidecar:
        table["sidecar"] = {**table["sidecar"], "found": _sidecar_place(payload)[0]}
    signed = _signature(payload)
    told = None if signed is None else {"error": signed} if isinstance(signed, str) else signed._asdict()
    return table | {"size": payload.size_bytes, "signature": told}


def _page(payload: Payload) -> Iterator[str]:
    manifest = payload.manifest
    title = f"{manifest.name} {manifest.version}".rstrip()
    size = f"{payload.size_bytes / 1e6:,.1f} MB"
    yield from _wrapped(f"{title}: lmfile {manifest.lmfile} for {manifest.target}, {size}", COLUMNS)
    for key, text in _facts(payload):
        lines = _wrapped(text, COLUMNS - KEY_COLUMNS)
        yield from (f"{'' if row else plain.line(key):<{KEY_COLUMNS}}{line}" for row, line in enumerate(lines))
    yield from ("", f"{'bytes':>14}  {'offset':>14}  sha256            member")
    yield _row(manifest.launcher, "launcher")
    for member in manifest.members:
        where = " (aside)" if member.aside else ""
        yield _row(Span(member.offset, member.size, member.sha256), member.path + where)


def _facts(payload: Payload) -> Iterator[tuple[str, str]]:
    """Key and text of each line; the text may be long, and an empty key goes on with the thing before."""
    manifest = payload.manifest
    yield "python", str(manifest.runtime.get("python", "?"))
    yield "engine", f"llama-cpp-python {_of(manifest.runtime, 'engine', 'llama_cpp_python')}"
    yield from _assistant(manifest.assistant)
    for model in manifest.models:
        yield model.role, _model(model)
        yield from (("", text) for text in _history(model.provenance))
    for member in payload.by_role("mmproj"):
        if member.path not in {model.path for model in manifest.models}:
            yield "mmproj", f"{member.path}, {member.size / 1e6:,.1f} MB"
    for adapter in manifest.adapters:
        yield "adapter", _adapter(adapter)
    for state in manifest.states:
        yield "baked", f"{state.tokens:,} tokens for {state.model}, computed by {state.engine}"
    for key, value in manifest.defaults.items():
        yield "default", f"{key} {_quoted(value)}"
    if manifest.sidecar:
        place, problem = _sidecar_place(payload)
        found = f"found as {place}" if place else problem
        yield "sidecar", f"{manifest.sidecar.name}, {manifest.sidecar.size / 1e6:,.1f} MB: {found}"
    yield from _papers(payload)


def _papers(payload: Payload) -> Iterator[tuple[str, str]]:
    """Licences, bill of materials and signature; `licenses` and `sbom` are also the flags that show them."""
    yield "licenses", f"{len(payload.by_role('license'))} texts"
    if member := payload.member(SBOM_NAME):
        yield "sbom", f"{member.path}, {member.size / 1e3:,.1f} kB"
    signed = _signature(payload)
    if isinstance(signed, str):
        yield "signature", f"cannot be read: {signed}"
    elif signed:
        yield "signature", f"by the key {signed.key}, which `lmfile verify --key` checks: {signed.comment}"
    else:
        yield "signature", "none"


def _signature(payload: Payload) -> signing.Signed | str | None:
    """What it says of itself, or why it cannot be read."""
    try:
        return signing.signed(payload)
    except SignatureWrong as error:
        return error.happened


def _sidecar_place(payload: Payload) -> tuple[str | None, str]:
    """Where the sidecar is, or why it is nowhere."""
    if payload.manifest.sidecar is None:
        return None, "none"
    try:
        return find(payload.path, payload.manifest.sidecar).name, ""
    except SidecarMissing:
        return None, "not found beside the executable"
    except PayloadDamaged as error:
        return None, error.reason


def _assistant(assistant: Assistant) -> Iterator[tuple[str, str]]:
    """A line for each thing that the publisher says; texts as JSON strings, a long one cut: --json has all of it."""
    texts = [("color", assistant.color), ("icon", assistant.icon), ("greeting", _quoted(assistant.greeting))]
    texts += [("system", _quoted(assistant.system_prompt))]
    texts += [("starter", _quoted(text)) for text in assistant.starters]
    yield from ((key, text) for key, text in texts if text)


def _model(model: Model) -> str:
    """What requests call it, and then what its file does."""
    called = model.path.rpartition("/")[2].removesuffix(".gguf")
    size = f"{model.parameters / 1e6:,.0f}M parameters, {model.context_length:,} tokens"
    return f"{called}: {model.name}, {model.architecture}, {model.file_type}, {size}, license {model.license}"


def _history(provenance: Mapping[str, Any]) -> Iterator[str]:
    """Where a model came from, and a line for each thing that was done to it. A manifest may say anything there."""
    if source := provenance.get("source"):
        revision = provenance.get("revision")
        yield f"from {source}" + (f" at {revision}" if revision else "")
    steps = provenance.get("steps")
    for step in steps if isinstance(steps, list) else []:
        settings = dict(step) if isinstance(step, dict) else {"step": step}
        name = settings.pop("step", "?")
        yield f"{name}: " + ", ".join(f"{key} {_quoted(value)}" for key, value in settings.items())


def _adapter(adapter: Adapter) -> str:
    when = f"in every answer at {adapter.scale:g}" if adapter.scale else "where a request asks for it"
    return f"{adapter.name}, rank {adapter.rank}, {adapter.parameters / 1e6:,.1f}M parameters, {when}"


def _quoted(value: object) -> str:
    """A text as JSON has it, at most four lines of it; nothing for an empty one."""
    text = "" if value == "" else json.dumps(value, ensure_ascii=False)
    most = 4 * (COLUMNS - KEY_COLUMNS) - 40
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _row(span: Span, name: str) -> str:
    return plain.line(f"{span.size:>14,}  {span.offset:>14,}  {span.sha256[:16]}  {name}")


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`; a word that is longer is broken."""
    return textwrap.wrap(plain.line(text), columns, break_on_hyphens=False) or [""]


def _of(table: Mapping[str, Any], *keys: str) -> str:
    """A value deep in a table that may say anything."""
    value: Any = table
    for key in keys:
        value = value.get(key, "?") if isinstance(value, Mapping) else "?"
    return str(value)
