"""Modelfiles: how they are cut, what each command becomes, where FROM finds models, and any text at all."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.recipe import LicenseText, Message, Recipe, WantedAdapter, WantedModel, read
from bundler.recipe.modelfile_commands import Command, commands
from bundler.recipe.modelfile_parameters import FLAGS
from runtime.errors import RecipeInvalid
from runtime.payload.defaults import PACKABLE
from tests.gguf_writer import gguf

MARIO = """\
# a comment
from ./a.gguf
PARAMETER temperature 1
PARAMETER num_ctx 4096

SYSTEM You are Mario, "acting" as an assistant.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.gguf", "b.gguf", "lora.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    return tmp_path


def of(folder: Path, text: str) -> tuple[Recipe, list[str]]:
    (folder / "Modelfile").write_bytes(text.encode())
    return read(folder / "Modelfile")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM x", [Command("FROM", "", "x", 1)]),
        ("  from \t x y  # no comment\n", [Command("FROM", "", "x y  # no comment", 1)]),
        ("# c\n\nSYSTEM a\n", [Command("SYSTEM", "", "a", 3)]),
        ('SYSTEM """a\n\n"b" """\nFROM x', [Command("SYSTEM", "", 'a\n\n"b" ', 1), Command("FROM", "", "x", 4)]),
        ('SYSTEM "a\nb" c\nd"\n', [Command("SYSTEM", "", 'a\nb" c\nd', 1)]),
        ('PARAMETER stop "<|end|>"', [Command("PARAMETER", "stop", "<|end|>", 1)]),
        ("MESSAGE user hi there", [Command("MESSAGE", "user", "hi there", 1)]),
        ("SYSTEM a\\\nFROM x", [Command("SYSTEM", "", "a\\", 1), Command("FROM", "", "x", 2)]),
        ('SYSTEM """"""', [Command("SYSTEM", "", "", 1)]),
        ("SYSTEM a\x07b", [Command("SYSTEM", "", "ab", 1)]),
    ],
)
def test_how_it_is_cut(text: str, expected: list[Command]) -> None:
    assert commands(text) == expected


def test_the_usual_example(folder: Path) -> None:
    assert of(folder, MARIO) == (
        Recipe(
            models=(WantedModel(str(folder / "a.gguf")),),
            system_prompt='You are Mario, "acting" as an assistant.',
            defaults={"temp": 1.0, "ctx-size": 4096},
        ),
        [],
    )


def test_every_command(folder: Path) -> None:
    recipe, warnings = of(
        folder,
        'SYSTEM one\nMESSAGE system two\nMESSAGE user Is it?\nMESSAGE assistant """Yes\nno"""\nADAPTER lora.gguf\n'
        'LICENSE """Do good."""\nLICENSE More\nDRAFT b.gguf\nREQUIRES 0.14.0\nRENDERER x\nPARSER x\n'
        'PARAMETER stop "A"\nPARAMETER stop B\nPARAMETER mirostat 1\nPARAMETER num_thread 0\nPARAMETER num_predict -2\n'
        "TEMPLATE {{ .Prompt }}\nFROM a.gguf\n",
    )
    assert recipe.models == (WantedModel(str(folder / "a.gguf")), WantedModel(str(folder / "b.gguf"), "draft"))
    assert recipe.adapters == (WantedAdapter(str(folder / "lora.gguf"), scale=1.0),)
    assert recipe.system_prompt == "one\n\ntwo"
    assert recipe.messages == (Message("user", "Is it?"), Message("assistant", "Yes\nno"))
    assert recipe.licenses == (LicenseText("LICENSE", "Do good."), LicenseText("LICENSE-2", "More"))
    assert recipe.defaults == {"stop": ("A", "B"), "threads": -1, "predict": -1}
    assert "root.get('prompt')" in recipe.chat_template
    assert [warning.split(":")[0] for warning in warnings] == ["line 10", "line 11", "line 12", "line 15"]


def test_every_parameter_is_a_flag_that_can_be_packed() -> None:
    assert set(FLAGS.values()) <= PACKABLE


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("hf.co/org/repo:Q4_K_M", "hf:org/repo:Q4_K_M"),
        ("huggingface.co/org/repo", "hf:org/repo"),
        ("https://hf.co/org/repo", "hf:org/repo"),
        ("https://example.org/a.gguf#sha256=ab", "https://example.org/a.gguf#sha256=ab"),
        ("hf:org/repo", "hf:org/repo"),
    ],
)
def test_addresses(folder: Path, value: str, source: str) -> None:
    assert of(folder, f"FROM {value}\n")[0].models == (WantedModel(source),)


def test_shards_and_projectors(folder: Path) -> None:
    shards = [f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    for name in shards:
        (folder / name).write_bytes(b"GGUF")
    (folder / "see.gguf").write_bytes(gguf({"general.architecture": (8, "clip")}))
    first = WantedModel(str(folder / shards[0]))
    assert of(folder, "FROM ./m-*.gguf")[0].models == (first,)
    projector = WantedModel(str(folder / "see.gguf"), "mmproj")
    assert of(folder, f"FROM {shards[0]}\nFROM {shards[1]}\nFROM see.gguf")[0].models == (first, projector)


def stored(folder: Path, name: str, **layers: object) -> None:
    """Put a model into a store of Ollama, as its own programs lay it out."""
    store = folder / "ollama"
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    found = []
    for kind, content in layers.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        data = content.encode() if isinstance(content, str) else data
        digest = hashlib.sha256(data).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(data)
        media = f"application/vnd.ollama.image.{kind}"
        found.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)})
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": found}))


def test_a_model_of_ollamas_store(folder: Path) -> None:
    stored(
        folder,
        "registry.ollama.ai/library/llama9/3b",
        model=b"GGUF weights",
        template="{{ .Prompt }}",
        system="stored",
        params={"stop": ["S"], "temperature": 0.5, "num_ctx": 9},
        license="L",
        messages=[{"role": "user", "content": "m"}],
    )
    blob = folder / "ollama" / "blobs" / f"sha256-{hashlib.sha256(b'GGUF weights').hexdigest()}"
    recipe, warnings = of(folder, "FROM llama9:3b\nPARAMETER num_ctx 10\nPARAMETER stop T\n")
    assert warnings == []
    assert recipe.models == (WantedModel(str(blob), name="llama9"),)
    assert recipe.defaults == {"stop": ("T",), "temp": 0.5, "ctx-size": 10}
    assert (recipe.system_prompt, recipe.licenses) == ("stored", (LicenseText("LICENSE", "L"),))
    assert recipe.messages == (Message("user", "m"),)
    assert "root.get('prompt')" in recipe.chat_template
    assert of(folder, 'FROM llama9:3b\nSYSTEM ""\nTEMPLATE """\n"""\n')[0] == of(folder, "FROM llama9:3b")[0]
    assert of(folder, "FROM llama9:3b\nSYSTEM own\nMESSAGE user own")[0].system_prompt == "own"


def test_what_a_stored_model_says_and_nobody_knows(folder: Path) -> None:
    """It was sound for Ollama, so it must not stop a build."""
    stored(
        folder, "hub.example/me/x/t", model=b"G", params={"new": 1, "top_p": 3, "seed": 1}, template='{{ define "a" }}'
    )
    recipe, warnings = of(folder, "FROM hub.example/me/x:t\n")
    assert (recipe.defaults, recipe.chat_template) == ({"seed": 1}, "")
    assert len(warnings) == 3


def test_a_name_that_ollama_has_not(folder: Path) -> None:
    recipe, warnings = of(folder, "FROM smollm2\n")
    assert recipe.models == (WantedModel("smollm2"),)
    assert "lmfile's own" in warnings[0]


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{", b'{"layers": 1}', b'{"layers": [1]}', b'{"layers": [[1]]}', b'{"layers": []}', b"[" * 9999],
)
def test_a_damaged_store(folder: Path, manifest: bytes) -> None:
    stored(folder, "registry.ollama.ai/library/x/latest", model=b"GGUF")
    (folder / "ollama/manifests/registry.ollama.ai/library/x/latest").write_bytes(manifest)
    with pytest.raises(RecipeInvalid, match=r"line 1: `FROM` names `x`, which is damaged"):
        of(folder, "FROM x\n")


def test_a_blob_that_is_not_complete(folder: Path) -> None:
    stored(folder, "registry.ollama.ai/library/x/latest", model=b"GGUF")
    for blob in (folder / "ollama" / "blobs").iterdir():
        blob.write_bytes(b"G")
    with pytest.raises(RecipeInvalid, match="not complete; pull it again"):
        of(folder, "FROM x\n")


WORDS = st.sampled_from(
    [
        *"FROM SYSTEM PARAMETER TEMPLATE ADAPTER LICENSE MESSAGE user assistant temperature num_ctx".split(),
        "stop",
        "smollm2",
        *'1 -2 nan "a" """ " # {{ }} .Prompt if end x* /tmp . ~'.split(),
        *"\n\n \t\0é",
    ]
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.one_of(st.lists(WORDS, max_size=14).map(" ".join), st.text(max_size=40), st.binary(max_size=40)))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.modelfile"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        read(path)
    except RecipeInvalid as error:
        assert error.exit_code == 12
