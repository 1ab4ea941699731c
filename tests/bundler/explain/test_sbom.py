"""The bill of materials: valid, the same every time, and with everything in it that has a licence text."""

import email.parser
import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bundler import analysis, cmake, fetch, llama_source, store, wheels
from bundler.contents import Contents, Part
from bundler.explain import components, licences, sbom
from bundler.image_recipe import ImageRecipe
from bundler.recipe import LicenseText
from bundler.runtime_image import RuntimeImage
from runtime.payload import Adapter, Model

HISTORY = {
    "source": "hf:org/re po",
    "revision": "0123456789ABCDEF",
    "files": {"model.safetensors": "0" * 64},
    "steps": [{"step": "convert", "type": "f16"}, {"step": "quantize", "type": "q4_k_m"}],
}
MODELS = [
    Model("chat", "models/a.gguf", "llama", "A\x1b", 64, 64, "Q4_K_M", "apache-2.0", HISTORY),
    Model("embed", "models/b.gguf", "bert", "", 64, 64, "F16", "my own licence", {"source": "https://a.b/c d?x"}),
    Model("rerank", "models/c.gguf", "bert", "C", 64, 64, "F16", "not stated", {"source": "c.gguf"}),
]
ADAPTERS = [Adapter("poet", "adapters/poet.gguf", "llama", 8, 1000, 0.5)]


def notices(image: RuntimeImage) -> dict[str, bytes]:
    """All of LICENSES/."""
    texts = licences.of_publisher([LicenseText("LICENSE", "one"), LicenseText("LICENSE", "two")])
    return {**licences.of_machinery(image), **licences.of_models(MODELS), **texts}


def contents(image: RuntimeImage, target: str = "linux-x86_64") -> tuple[Contents, components.Kept]:
    texts = notices(image)
    parts = [
        *(Part(f"LICENSES/{name}", "license", text) for name, text in texts.items()),
        *(Part(model.path, "model", b"GGUF") for model in MODELS),
        Part("adapters/poet.gguf", "adapter", b"GGUF"),
        Part("states/main.bin", "state", b"kv"),
    ]
    facts = asdict(image)
    kept = components.of_machinery(facts, target, "0.1.0", licences.of_machinery(image))
    made = Contents("Ada", target, "0.1.0", b"", parts, facts, 1, MODELS, ADAPTERS, publisher_version="2.0")
    return made, kept


def bill(image: RuntimeImage, **changes: Any) -> dict[str, Any]:
    made, kept = contents(image)
    hashes = {part.path: "a" * 64 for part in made.parts if part.role in sbom.HASHED_ROLES}
    table: dict[str, Any] = json.loads(sbom.encoded(replace(made, **changes), kept, hashes))
    return table


def test_every_licence_text_belongs_to_a_component(image: RuntimeImage) -> None:
    table = bill(image)
    told = components.texts([*table["components"], table["metadata"]["component"]])
    assert told == set(notices(image))


def test_every_package_and_every_patch_is_in_it(image: RuntimeImage) -> None:
    found = {row["bom-ref"]: row for row in bill(image)["components"]}
    for name, version in image.packages.items():
        row = found[f"component:{name}"]
        assert row["purl"] == f"pkg:pypi/{name}@{version}"
        assert row["licenses"] != components.licences("", "not stated")
        assert row["properties"]
    engine = found["component:llama.cpp"]
    diffs = [patch["diff"]["text"]["content"] for patch in engine["pedigree"]["patches"]]
    assert diffs == [edit.read_text() for edit in llama_source.edits()]
    assert found["component:llama-cpp-python"]["version"] == image.engine["llama_cpp_python"]
    assert found["component:CPython"]["version"] == image.python


def test_models_and_their_history(image: RuntimeImage) -> None:
    found = {row["bom-ref"]: row for row in bill(image)["components"]}
    first, second, third = (found[f"member:{model.path}"] for model in MODELS)
    assert first["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert first["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    [ancestor] = first["pedigree"]["ancestors"]
    assert ancestor["purl"] == "pkg:huggingface/org/re%20po@0123456789abcdef"
    assert ancestor["components"][0]["hashes"][0]["content"] == "0" * 64
    assert first["pedigree"]["notes"] == 'convert {"type": "f16"}\nquantize {"type": "q4_k_m"}'
    assert (second["name"], second["licenses"]) == ("models/b.gguf", [{"license": {"name": "my own licence"}}])
    assert second["pedigree"]["ancestors"][0]["externalReferences"][0]["url"] == "https://a.b/c%20d?x"
    assert "licenses" not in third
    assert [row["modelCard"]["modelParameters"]["task"] for row in (first, second, third)] == [
        "text-generation", "feature-extraction", "text-ranking",
    ]  # fmt: skip
    assert found["member:adapters/poet.gguf"]["type"] == "machine-learning-model"
    assert found["member:states/main.bin"]["type"] == "file"


def test_the_same_parts_give_the_same_bytes(image: RuntimeImage) -> None:
    first, again, later = bill(image), bill(image), bill(image, created=1_700_000_000)
    assert json.dumps(first) == json.dumps(again)
    assert first["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"
    assert later["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert first["serialNumber"] != later["serialNumber"]


def test_references_hold_together(image: RuntimeImage) -> None:
    table = bill(image)
    names = [row["bom-ref"] for row in table["components"]] + [table["metadata"]["component"]["bom-ref"]]
    assert len(set(names)) == len(names)
    edges = {row["ref"]: set(row["dependsOn"]) for row in table["dependencies"]}
    reached, front = set(), {"executable"}
    while front:
        reached |= front
        front = {name for each in front for name in edges.get(each, set())} - reached
    assert reached == set(names)


def test_a_kept_machinery_stands_as_it_was(image: RuntimeImage) -> None:
    _, kept = contents(image)
    assert components.of_bill(bill(image)) == kept
    with pytest.raises(ValueError, match="does not name the runtime"):
        components.of_bill({"components": []})


@pytest.mark.parametrize("target", ["linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"])
def test_what_the_launcher_brings_depends_on_the_target(image: RuntimeImage, target: str) -> None:
    names = {row["name"] for row in components.rows_for(target)}
    assert ("musl" in names, "mingw-w64" in names) == (target.startswith("linux"), target.startswith("windows"))
    texts = licences.of_machinery(replace(image, target=target))
    assert ("musl.txt" in texts, "mingw-w64.txt" in texts) == (target.startswith("linux"), target.startswith("windows"))


def test_it_is_what_the_schema_says(image: RuntimeImage) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    version = schema.SchemaVersion.from_version(sbom.SPEC_VERSION)
    validator = validation.JsonStrictValidator(version)
    assert validator.validate_str(json.dumps(bill(image))) is None
    assert validator.validate_str(json.dumps(bill(image) | {"version": "x"})) is not None


def test_the_table_is_true_of_the_sources(tree: Path) -> None:
    """Versions that only the table states are those of what is really there."""
    versions = {
        row["name"]: row.get("version", "") for row in components.rows_for("windows") + components.rows_for("linux")
    }
    libraries = tree / "freeze_core.libs"
    [crypto] = libraries.glob("libcrypto*")
    assert f"OpenSSL {versions['OpenSSL']} ".encode() in crypto.read_bytes()
    assert [path.name.rsplit(".so.")[1] for path in libraries.glob("libmpdec*")] == [versions["libmpdec"]]
    assert f"deflate {versions['zlib']} ".encode() in (tree / "bin" / "lib" / "libzlm.so").read_bytes()
    assert (tree / "bin" / "lmfile").read_bytes().count(b"mimalloc") > 0
    zig = cmake.zig().parent / "lib"
    assert f'"{versions["musl"]}"' in (zig / "libc" / "musl" / "src" / "internal" / "version.h").read_text()
    numbers = [int(number) for number in versions["libc++"].split(".")]
    config = (zig / "libcxx" / "include" / "__config").read_text()
    assert f"_LIBCPP_VERSION {numbers[0]}{numbers[1]:02}{numbers[2]:02}" in config
    texts = store.build_dir() / "launcher" / "licenses"
    for name, place in {"musl": "musl/COPYRIGHT", "mingw-w64": "mingw/COPYING"}.items():
        assert (texts / f"{name}.txt").read_text() == (zig / "libc" / place).read_text()
    assert versions["freeze-core"] in fetch.pins()["cpython-linux-x86_64"].filename


def test_the_packages_licences_are_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a wheel states in SPDX's words is what the table says of it."""
    monkeypatch.delenv("LMFILE_CACHE")
    table = tomllib.loads((store.build_dir() / "components.toml").read_text())["packages"]
    names = ImageRecipe(analysis.builder_target()).contents.packages
    assert set(table) == set(names)
    stated = dict(_stated(wheels.unpacked(names, analysis.builder_target())))
    assert len(stated) >= 6
    assert stated == {name: table[name] for name in stated}


def _stated(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.dist-info/METADATA")):
        head = email.parser.HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        if expression := head["License-Expression"]:
            yield head["Name"].lower(), expression
