"""Packs small executables with stand-ins for launcher and runtime, for tests of the container."""

from collections.abc import Sequence
from pathlib import Path

from bundler import container, fetch
from bundler.container import Contents, Part
from bundler.content import Content
from runtime.payload import Adapter, Assistant, Model
from tests.gguf_writer import gguf

APP = {
    "app/runtime/__init__.pyc": b"compiled",
    "app/runtime/ünï côdé.pyc": b"named with a space and letters",
    "app/webui/index.html": b"<!doctype html>",
}
NOBODY = Assistant()


def contents(
    folder: Path,
    model: Content | None = None,
    app: dict[str, bytes] | None = None,
    extra: Sequence[Part] = (),
    adapters: Sequence[Adapter] = (),
    assistant: Assistant = NOBODY,
) -> Contents:
    """Contents whose launcher and runtime are 70,000 and 50,000 bytes that mean nothing."""
    launcher = folder / "launcher"
    launcher.write_bytes(b"\x7fELF" + bytes(range(256)) * 273)
    runtime = folder / "runtime.tar.zst"
    runtime.write_bytes(bytes(reversed(range(250))) * 200)
    parts = [
        *(Part(path, "app", data) for path, data in (APP if app is None else app).items()),
        Part("LICENSES/model.txt", "license", b"free"),
        Part("models/tiny model.gguf", "model", gguf() if model is None else model),
        Part("runtime.tar.zst", "runtime", runtime),
        *extra,
    ]
    return Contents(
        name="tiny",
        target="linux-x86_64",
        version="0.1.0",
        launcher=launcher,
        parts=parts,
        runtime={"sha256": "0" * 64, "python": "3.13", "engine": {"llama_cpp_python": "0.3.36"}, "unpacked": 1},
        runtime_unpacked=1,
        models=[Model("chat", "models/tiny model.gguf", "llama", "Tiny", 64, 64, "F32", "mit")],
        adapters=adapters,
        assistant=assistant,
    )


def pack(folder: Path, output: Path, **what: object) -> Path:
    """Write the executable `output`, its inputs in `folder`."""
    container.write(output, contents(folder, **what), fetch.quiet)  # type: ignore[arg-type]
    return output


def example(folder: Path, output: Path) -> Path:
    """Write the executable that docs/FORMAT.md takes apart."""
    launcher = folder / "launcher"
    launcher.write_bytes(b"(native program)")
    parts = [
        Part("app/a.pyc", "app", b"code"),
        Part("models/m.gguf", "model", b"GGUF"),
        Part("runtime.tar.zst", "runtime", b"zstd"),
    ]
    container.write(output, Contents("example", "linux-x86_64", "0.1.0", launcher, parts, {}, 9, []), fetch.quiet)
    return output
