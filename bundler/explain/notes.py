"""`lmfile publish-notes`: a section for the page where people download executables, in Markdown.

Every line in it can be pasted as it stands: names are quoted for the shell that the line is for.
"""

import json
import shlex
from collections.abc import Iterator, Sequence

from bundler.explain import minisign, plain
from bundler.explain.minisign import PublicKey
from bundler.explain.release import TARGETS, Download, Release
from bundler.explain.spdx import NOT_STATED
from runtime.payload import Manifest, Model

PORT = 8080
NOTHING = "-"


def notes(releases: Sequence[Release], key: PublicKey | None) -> str:
    """The section; the first of `releases` tells about the models, which are the same for every target."""
    first = releases[0]
    blocks = [
        _title(first.payload.manifest),
        *(block for release in releases for block in _system(release)),
        *_use(first),
        *_facts(first.payload.manifest),
        *_signature(first, key),
    ]
    return "\n\n".join(blocks)


def _title(manifest: Manifest) -> str:
    name = plain.markdown(f"{manifest.name} {manifest.version}".strip())
    return f"## Download {name}\n\nOne file: nothing to install, and nothing leaves your computer."


def _system(release: Release) -> Iterator[str]:
    sizes = " and ".join(f"`{_code(file.name)}` ({file.size_bytes / 1e6:,.1f} MB)" for file in release.files)
    yield f"### {TARGETS.get(release.target, plain.markdown(release.target))}\n\n{sizes}"
    if len(release.files) > 1:
        yield "Both belong into the same folder: the second holds the weights."
    if release.target.startswith("macos"):
        yield "macOS asks about what a browser has downloaded; the line with `xattr` answers it for this file."
    if release.target.startswith("windows"):
        yield _fence("powershell", _powershell(release.files))
    else:
        yield _fence("sh", _shell(release.files, is_mac=release.target.startswith("macos")))


def _shell(files: Sequence[Download], is_mac: bool) -> Iterator[str]:
    """Lines of one chain: what is damaged is not started. No comments: an interactive zsh would run them."""
    check = "shasum -a 256 -c -" if is_mac else "sha256sum -c -"
    for file in files:
        name = shlex.quote(f"./{file.name}")
        if file.url:
            yield f"curl -fL -o {name} {shlex.quote(file.url)} &&"
        yield f"printf '%s  %s\\n' {file.sha256} {name} | {check} &&"
    name = shlex.quote(f"./{files[0].name}")
    yield f"chmod +x {name} &&"
    if is_mac:
        yield f"{{ xattr -d com.apple.quarantine {name} 2>/dev/null || true; }} &&"
    yield name


def _powershell(files: Sequence[Download]) -> Iterator[str]:
    names = [_quoted(f".\\{file.name}") for file in files]
    for file, name in zip(files, names, strict=True):
        if file.url:
            yield f"curl.exe -fL -o {name} {_quoted(file.url)}"
    hashes = [
        f"(Get-FileHash -Algorithm SHA256 -LiteralPath {name}).Hash -eq '{file.sha256.upper()}'"
        for file, name in zip(files, names, strict=True)
    ]
    yield f"Unblock-File -LiteralPath {names[0]}"
    yield f"if ({' -and '.join(hashes)}) {{ & {names[0]} }} else {{ throw 'It is damaged; download it again.' }}"


def _use(release: Release) -> Iterator[str]:
    """How programs talk to it, for the first model."""
    manifest = release.payload.manifest
    models = [model for model in manifest.models if model.role in _REQUESTS]
    if not models:
        return
    port = manifest.defaults.get("port")
    address = f"http://127.0.0.1:{port if isinstance(port, int) and port else PORT}"
    route, body = _REQUESTS[models[0].role]
    table = {"model": models[0].path.removeprefix("models/").removesuffix(".gguf"), **body}
    name = shlex.quote(f"./{release.files[0].name}")
    text = shlex.quote(json.dumps(table, ensure_ascii=False))
    yield "### For programs"
    yield f"It speaks the protocols of OpenAI, Anthropic, Ollama and llama.cpp at {address}:"
    yield _fence("sh", iter([f"{name} --server --nobrowser"]))
    yield _fence("sh", iter([f"curl {address}{route} -H 'Content-Type: application/json' -d {text}"]))


_REQUESTS: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello!"}]}),
    "embed": ("/v1/embeddings", {"input": ["Hello!"]}),
    "rerank": ("/v1/rerank", {"query": "bread", "documents": ["flour and water", "steel"]}),
}


def _facts(manifest: Manifest) -> Iterator[str]:
    rows = [f"| {' | '.join(_row(model))} |" for model in manifest.models]
    head = "| role | model | parameters | context | type | licence | from |\n|---|---|---|---|---|---|---|"
    yield "### Inside"
    yield "\n".join([head, *rows])
    if manifest.adapters:
        yield "Adapters: " + ", ".join(plain.markdown(adapter.name) for adapter in manifest.adapters) + "."
    yield (
        f"Made with lmfile {plain.markdown(manifest.lmfile)}. `--licenses` shows the licence texts of everything"
        " inside, `--manifest` what it is, and `--verify` checks every byte."
    )


def _row(model: Model) -> list[str]:
    cells = [
        model.role,
        model.name,
        f"{model.parameters / 1e6:,.0f} M",
        f"{model.context_length:,}" if model.context_length else NOTHING,
        model.file_type,
        model.license or NOT_STATED,
        _source(model),
    ]
    return [plain.markdown(cell) for cell in cells]


def _source(model: Model) -> str:
    source, revision = (str(model.provenance.get(key, "")) for key in ("source", "revision"))
    return f"{source} at {revision[:12]}" if revision else source or NOTHING


def _signature(release: Release, key: PublicKey | None) -> Iterator[str]:
    """How to check who made it; the line of the key where it was given."""
    if release.signature is None:
        return
    yield "### Who made it"
    if key is None:
        yield f"It is signed with the key `{release.signature.key}`."
        return
    name, line = shlex.quote(f"./{release.files[0].name}"), minisign.public_line(key)
    yield f"It is signed with the key `{key.name}`. `lmfile verify` holds every byte and the signature against it:"
    yield _fence("sh", iter([f"lmfile verify {name} --key {line}"]))


def _fence(language: str, lines: Iterator[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _code(name: str) -> str:
    """A name between backticks, which cannot hold one."""
    return plain.line(name).replace("`", "'")


def _quoted(text: str) -> str:
    """For PowerShell, which takes typographic quotes for quotes."""
    for quote in "'\u2018\u2019\u201a\u201b":
        text = text.replace(quote, quote * 2)
    return f"'{text}'"
