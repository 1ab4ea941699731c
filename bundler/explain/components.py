"""The components of an executable besides its models: what build/components.toml lists, with the versions inside."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bundler import cmake, llama_source, store

BomTable = dict[str, Any]
"""A component, or a part of one, in the words of CycloneDX."""

TEXTS = "lmfile:licence-text"


class Kept(NamedTuple):
    """Components that stand as they are in a bill of materials, and what each depends on, by reference."""

    components: Sequence[BomTable]
    dependencies: Mapping[str, Sequence[str]]

    @property
    def roots(self) -> list[str]:
        """Those that are no part of another one."""
        parts = {name for names in self.dependencies.values() for name in names}
        return [component["bom-ref"] for component in self.components if component["bom-ref"] not in parts]


def of_machinery(facts: Mapping[str, Any], target: str, version: str, notices: Iterable[str]) -> Kept:
    """What launcher, runtime image and our own code are made of.

    facts: what the manifest tells about the image. version: of the lmfile that made all this. notices: the licence
    texts that go with it, by their names below LICENSES/.
    """
    rows = rows_for(target)
    versions = _versions(facts, version)
    licences_of = _table()["packages"]
    packages = {name: facts["packages"][name] for name in sorted(facts.get("packages", {}))}
    named = {name for row in rows for name in row["texts"]}
    free = [name for name in sorted(notices) if name not in named]
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row.get("inside", ""), []).append(reference(row["name"]))
    components = [_component(row, versions) for row in rows]
    for name, package_version in packages.items():
        own = [text for text in free if text.startswith(f"{name}-")]
        components.append(_package(name, package_version, licences_of.get(name, ""), own))
    names = [*(row["name"] for row in rows), *packages]
    return Kept(components, {reference(name): sorted(parts[name]) for name in names if name in parts})


def of_bill(bill: Mapping[str, Any]) -> Kept:
    """The same, out of the bill of an executable whose machinery is kept. Raises: ValueError if it is none of ours."""
    components = [row for row in bill.get("components", []) if str(row.get("bom-ref", "")).startswith("component:")]
    names = {row["bom-ref"] for row in components}
    if reference("CPython") not in names:
        raise ValueError("its bill of materials does not name the runtime")
    rows = [row for row in bill.get("dependencies", []) if row.get("ref") in names]
    return Kept(components, {row["ref"]: list(row.get("dependsOn", [])) for row in rows if row.get("dependsOn")})


def texts(components: Sequence[BomTable]) -> set[str]:
    """The licence texts that they name, by their names in LICENSES/."""
    rows = [row for component in components for row in component.get("properties", [])]
    return {row["value"] for row in rows if row["name"] == TEXTS}


def reference(name: str) -> str:
    """By what a bill names a component."""
    return f"component:{name.replace(' ', '-')}"


def properties(**values: object) -> list[BomTable]:
    """What CycloneDX has no field for, in the order given; without what is empty."""
    return [{"name": f"lmfile:{key}", "value": str(value)} for key, value in values.items() if value not in ("", None)]


def text_property(name: str) -> BomTable:
    """That the licence text `name` goes with a component."""
    return {"name": TEXTS, "value": name}


def rows_for(target: str) -> list[dict[str, Any]]:
    """The table's components that are in executables for `target`."""
    rows: list[dict[str, Any]] = _table()["component"]
    return [row for row in rows if target.startswith(tuple(row.get("targets", [""])))]


def _table() -> dict[str, Any]:
    return tomllib.loads((store.build_dir() / "components.toml").read_text(encoding="utf-8"))


def _versions(facts: Mapping[str, Any], version: str) -> dict[str, str]:
    recipe = tomllib.loads((store.build_dir() / "engine" / "recipe.toml").read_text(encoding="utf-8"))
    return {
        "lmfile": version,
        "python": str(facts.get("python", "")),
        "bindings": str(facts.get("engine", {}).get("llama_cpp_python", "")),
        "commit": recipe["commit"],
        "zig": cmake.zig_version(),
    }


def _component(row: Mapping[str, Any], versions: Mapping[str, str]) -> BomTable:
    version = str(row.get("version", "")).format(**versions)
    made: BomTable = {
        "type": row.get("type", "library"),
        "bom-ref": reference(row["name"]),
        "name": row["name"],
        "version": version,
        "licenses": licences(row.get("licence", ""), row.get("licence-name", "")),
        "cpe": row.get("cpe", "").format(version=version),
        "purl": row.get("purl", "").format(version=version),
        "pedigree": {"patches": list(_patches())} if row.get("patched") else {},
        "properties": [text_property(name) for name in row["texts"]],
    }
    return {key: value for key, value in made.items() if value}


def _package(name: str, version: str, licence: str, notices: Sequence[str]) -> BomTable:
    """A Python package; its texts are those that begin with its name."""
    made: BomTable = {"type": "library", "bom-ref": reference(name), "name": name, "version": version}
    made |= {"licenses": licences(licence, "not stated"), "purl": f"pkg:pypi/{name}@{version}"}
    return made | {"properties": [text_property(text) for text in notices]}


def licences(expression: str, name: str) -> list[BomTable]:
    """One licence, by SPDX if it can be, otherwise by `name`."""
    if not expression:
        return [{"license": {"name": name}}] if name else []
    return [{"expression": expression}] if " " in expression else [{"license": {"id": expression}}]


def _patches() -> Iterator[BomTable]:
    """Our edits of llama.cpp, whole: whoever has the bill can make the same source."""
    for edit in llama_source.edits():
        text = edit.read_text(encoding="utf-8")
        yield {"type": "unofficial", "diff": {"text": {"contentType": "text/x-diff", "content": text}}}
