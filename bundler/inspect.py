"""`lmfile inspect`: what an executable holds, as text or as JSON."""

import json
from pathlib import Path

from bundler.console import Console
from bundler.executable import open_executable
from runtime.payload import Adapter, Assistant, Model, Payload, Span


def inspect(path: Path, as_json: bool, console: Console) -> None:
    """Print the manifest of `path`. Raises: UsageError, PayloadDamaged."""
    payload = open_executable(path)
    if as_json:
        table = json.loads(payload.manifest.encode()) | {"size": payload.size_bytes}
        console.result(json.dumps(table, sort_keys=True, ensure_ascii=False, indent=1))
        return
    for line in _page(payload):
        console.result(line)


def _page(payload: Payload) -> list[str]:
    manifest = payload.manifest
    engine = manifest.runtime.get("engine", {})
    lines = [
        f"{manifest.name}: lmfile {manifest.lmfile} for {manifest.target}, {payload.size_bytes / 1e6:.1f} MB",
        f"python    {manifest.runtime.get('python', '?')}",
        f"engine    llama-cpp-python {engine.get('llama_cpp_python', '?')}",
    ]
    lines += _assistant(manifest.assistant)
    lines += [_model(model) for model in manifest.models]
    lines += [
        f"adapter   {adapter.name}, rank {adapter.rank}, {adapter.parameters / 1e6:,.1f}M parameters, {_when(adapter)}"
        for adapter in manifest.adapters
    ]
    lines += ["", f"{'bytes':>14}  {'offset':>14}  sha256            member"]
    spans = {"launcher": manifest.launcher}
    spans |= {member.path: Span(member.offset, member.size, member.sha256) for member in manifest.members}
    lines += [f"{span.size:>14,}  {span.offset:>14,}  {span.sha256[:16]}  {name}" for name, span in spans.items()]
    return lines


def _assistant(assistant: Assistant) -> list[str]:
    """A line for each thing that the publisher says; long texts as JSON strings, so that they stay on it."""
    texts = [("color", assistant.color), ("icon", assistant.icon)]
    texts += [(key, _quoted(text)) for key, text in (("greeting", assistant.greeting), *_questions(assistant))]
    return [f"{key:<10}{text}" for key, text in texts if text]


def _questions(assistant: Assistant) -> list[tuple[str, str]]:
    return [("system", assistant.system_prompt), *(("starter", text) for text in assistant.starters)]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else ""


def _model(model: Model) -> str:
    size = f"{model.parameters / 1e6:,.0f}M parameters, {model.context_length:,} tokens"
    return f"{model.role:<10}{model.name}, {model.architecture}, {model.file_type}, {size}, license {model.license}"


def _when(adapter: Adapter) -> str:
    return f"in every answer at {adapter.scale:g}" if adapter.scale else "where a request asks for it"
