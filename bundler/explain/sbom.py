"""The bill of materials of an executable: CycloneDX 1.6 as JSON, its models as components beside the libraries.

It names the hashes of the models, which are known when these are written; its own length is known before, since all
hashes are of one length. The same parts give the same bytes: the serial number is made of the content, and the time
is SOURCE_DATE_EPOCH.
"""

import json
import re
import time
import urllib.parse
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bundler.contents import Contents, Late, Part
from bundler.explain import spdx
from bundler.explain.components import BomTable, Kept, properties, text_property
from bundler.explain.licences import OF_THE_PUBLISHER, notice_name
from runtime.payload import Adapter, Model
from runtime.payload.licences import FOLDER
from runtime.payload.licences import ROLE as LICENCE_ROLE

PATH, ROLE = "sbom.cdx.json", "sbom"
SPEC_VERSION = "1.6"
HASHED_ROLES = frozenset({"model", "mmproj", "adapter", "state"})
MAX_TIME_S = 253_402_300_799  # the end of the year 9999

TASKS = {
    "chat": "text-generation",
    "draft": "text-generation",
    "embed": "feature-extraction",
    "rerank": "text-ranking",
    "mmproj": "image-text-to-text",
}
PRODUCES = {"embed": "vector", "rerank": "score"}


def part(contents: Contents, machinery: Kept) -> Part:
    """The bill of all that `contents` holds, as the member that goes with it; machinery: components.py makes it."""
    paths = [one.path for one in contents.parts if one.role in HASHED_ROLES]
    size = len(encoded(contents, machinery, dict.fromkeys(paths, "0" * 64)))
    return Part(
        PATH, ROLE, Late(size, lambda hashes: encoded(contents, machinery, {path: hashes[path] for path in paths}))
    )


def encoded(contents: Contents, machinery: Kept, hashes: Mapping[str, str]) -> bytes:
    """The bill as JSON; `hashes`: sha256 of models, adapters and states by their paths."""
    notices = {one.path.removeprefix(FOLDER) for one in contents.parts if one.role == LICENCE_ROLE}
    models = [_model(model, hashes[model.path], notices) for model in contents.models]
    adapters = [_adapter(adapter, hashes[adapter.path]) for adapter in contents.adapters]
    known = {row["bom-ref"] for row in (*models, *adapters)}
    others = [_file(path, hashes[path]) for path in sorted(hashes) if _member(path) not in known]
    components = [*models, *adapters, *others, *machinery.components]
    root = _executable(contents, notices)
    used = [*(row["bom-ref"] for row in (*models, *adapters, *others)), *machinery.roots]
    edges = {root["bom-ref"]: used, **machinery.dependencies}
    bill: BomTable = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "timestamp": _time(contents.created),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "lmfile", "version": contents.version}]},
            "component": root,
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": sorted(edges[name])} for name in sorted(edges)],
    }
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"lmfile:sbom:{_json(bill).decode()}")
    return _json({**bill, "serialNumber": f"urn:uuid:{name}"})


def _json(table: BomTable) -> bytes:
    return json.dumps(table, sort_keys=True, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _executable(contents: Contents, notices: Collection[str]) -> BomTable:
    """The whole: what the bill is of."""
    added = [text_property(name) for name in sorted(notices) if name.startswith(f"{OF_THE_PUBLISHER}/")]
    facts = properties(target=contents.target, runtime=contents.runtime.get("sha256", ""))
    made: BomTable = {
        "type": "application",
        "bom-ref": "executable",
        "name": contents.name,
        "version": contents.publisher_version,
        "properties": [*facts, *added],
    }
    return {key: value for key, value in made.items() if value}


def _model(model: Model, sha256: str, notices: Collection[str]) -> BomTable:
    notice = notice_name(model)
    facts = properties(
        path=model.path,
        role=model.role,
        parameters=model.parameters,
        context_length=model.context_length,
        quantisation=model.file_type,
    )
    made = _base("machine-learning-model", model.path, model.name, sha256) | {
        "licenses": spdx.licences(model.license),
        "modelCard": {
            "modelParameters": {
                "task": TASKS.get(model.role, model.role),
                "modelArchitecture": model.architecture,
                "inputs": [{"format": "text"}],
                "outputs": [{"format": PRODUCES.get(model.role, "text")}],
            }
        },
        "properties": facts + ([text_property(notice)] if notice in notices else []),
    }
    made |= _history(model.provenance)
    return {key: value for key, value in made.items() if value}


def _adapter(adapter: Adapter, sha256: str) -> BomTable:
    facts = properties(
        path=adapter.path, role="adapter", rank=adapter.rank, parameters=adapter.parameters, scale=f"{adapter.scale:g}"
    )
    card = {"modelParameters": {"approach": {"type": "supervised"}, "modelArchitecture": adapter.architecture}}
    return _base("machine-learning-model", adapter.path, adapter.name, sha256) | {
        "modelCard": card,
        "properties": facts,
    }


def _file(path: str, sha256: str) -> BomTable:
    return _base("file", path, path.rpartition("/")[2], sha256)


def _base(kind: str, path: str, name: str, sha256: str) -> BomTable:
    digest = {"alg": "SHA-256", "content": sha256}
    return {"type": kind, "bom-ref": _member(path), "name": name or path, "hashes": [digest]}


def _member(path: str) -> str:
    return f"member:{path}"


def _history(provenance: Mapping[str, Any]) -> BomTable:
    """Where a model came from, as its ancestor, and what was done to it."""
    source = str(provenance.get("source", ""))
    if not source:
        return {}
    files = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]}
        for name, sha256 in sorted(provenance.get("files", {}).items())
        if re.fullmatch("[0-9a-f]{64}", sha256)
    ]
    revision = str(provenance.get("revision", ""))
    address = _address(source)
    ancestor: BomTable = {
        "type": "machine-learning-model",
        "name": source,
        "version": revision,
        "purl": _purl(source, revision),
        "components": files,
        "externalReferences": [{"type": "distribution", "url": address}] if address else [],
    }
    made: BomTable = {"ancestors": [{key: value for key, value in ancestor.items() if value}]}
    if steps := list(_steps(provenance.get("steps", ()))):
        made["notes"] = "\n".join(steps)
    return {"pedigree": made}


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each step: its name, and its settings as JSON."""
    for step in steps:
        settings = {key: value for key, value in step.items() if key != "step"}
        told = json.dumps(settings, sort_keys=True, ensure_ascii=False) if settings else ""
        yield f"{step.get('step', '?')} {told}".rstrip()


def _repository(source: str) -> str:
    """`org/repo` of what came from a hub, and nothing for other sources."""
    found = re.match(r"hf:([^/:@]+/[^/:@]+)", source)
    return found[1] if found else ""


def _purl(source: str, revision: str) -> str:
    """A hub's model has a package address."""
    repository = _repository(source)
    if not repository:
        return ""
    name = "/".join(urllib.parse.quote(part, safe="") for part in repository.split("/"))
    return f"pkg:huggingface/{name}" + (f"@{urllib.parse.quote(revision, safe='').lower()}" if revision else "")


def _address(source: str) -> str:
    if repository := _repository(source):
        return f"https://huggingface.co/{urllib.parse.quote(repository)}"
    return urllib.parse.quote(source, safe=":/?#[]@!$&'()*+,;=%~") if source.startswith(("https://", "http://")) else ""


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(seconds, MAX_TIME_S)))
