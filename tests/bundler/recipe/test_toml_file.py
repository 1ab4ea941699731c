"""`lmfile.toml`: what each key becomes, where paths lead, and the lines of keys in any TOML."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.recipe import LicenseText, Message, Recipe, WantedAdapter, WantedModel, read
from bundler.recipe.toml_lines import lines
from bundler.recipe.toml_tables import schema
from runtime.errors import RecipeInvalid

WHOLE = """\
name = "Ada"
version = "1.2.0"
output = "out/ada"
targets = ["linux-x86_64", "linux-aarch64"]
bake = true
sidecar = true
licenses = ["terms/LICENSE.md"]

[assistant]
icon = "icon.svg"
color = "#3366CC"
greeting = "Hello"
system-prompt = "@prompt.txt"
starters = ["One?", "Two?"]
messages = [{ role = "user", content = "a" }, { role = "assistant", content = "b" }]

[[model]]
source = "chat.gguf"
quantize = "Q4_K_M"
imatrix = "i.dat"
license = "mit"
chat-template = "t.jinja"

[[model]]
source = "hf:org/repo:q8_0"
role = "embed"
name = "e"

[[model]]
source = "https://example.org/r.gguf"
role = "rerank"
sha256 = "AB00000000000000000000000000000000000000000000000000000000000000"

[[adapter]]
source = "lora"
name = "l"
scale = 0.5

[defaults]
ctx-size = 4096
temperature = 0.2
stop = ["x", "y"]
gpu-layers = "all"
context-shift = true
"""

SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With every file that the recipe above names."""
    for name, text in (("prompt.txt", "Be nice.\n"), ("t.jinja", "{{ messages }}"), ("icon.svg", SVG), ("i.dat", "")):
        (tmp_path / name).write_text(text)
    (tmp_path / "chat.gguf").write_bytes(b"GGUF")
    (tmp_path / "lora").mkdir()
    (tmp_path / "terms").mkdir()
    (tmp_path / "terms" / "LICENSE.md").write_text("Do good.\n")
    (tmp_path / "lmfile.toml").write_text(WHOLE)
    return tmp_path


def test_every_key(folder: Path) -> None:
    recipe, warnings = read(folder / "lmfile.toml")
    assert warnings == []
    assert recipe == Recipe(
        models=(
            WantedModel(str(folder / "chat.gguf"), "", "", "q4_k_m", folder / "i.dat", "", "mit"),
            WantedModel("hf:org/repo:q8_0", "embed", "e"),
            WantedModel("https://example.org/r.gguf", "rerank", sha256="ab" + 62 * "0"),
        ),
        adapters=(WantedAdapter(str(folder / "lora"), "l", 0.5),),
        name="Ada",
        version="1.2.0",
        icon=folder / "icon.svg",
        color="#3366cc",
        greeting="Hello",
        system_prompt="Be nice.",
        starters=("One?", "Two?"),
        messages=(Message("user", "a"), Message("assistant", "b")),
        chat_template="{{ messages }}",
        defaults={"ctx-size": 4096, "temp": 0.2, "stop": ("x", "y"), "gpu-layers": 9999, "context-shift": True},
        licenses=(LicenseText("LICENSE.md", "Do good.\n"),),
        targets=("linux-x86_64", "linux-aarch64"),
        output=folder / "out" / "ada",
        bake=True,
        sidecar=True,
    )


def test_paths_are_seen_from_the_recipe(folder: Path, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    here, _ = read(Path("lmfile.toml"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert read(folder / "lmfile.toml")[0] == here


def test_a_home_is_expanded_and_windows_line_ends_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    for text in ('[[model]]\r\nsource = "~/chat.gguf"\r\n', '\ufeff[[model]]\nsource = "~/chat.gguf"\n'):
        (folder / "lmfile.toml").write_bytes(text.encode())
        assert read(folder / "lmfile.toml")[0].models[0].source == str(folder / "chat.gguf")
    (folder / "lmfile.toml").write_bytes('[[model]]\nsource = "~/chat.gguf"\n'.encode("utf-16"))
    assert read(folder / "lmfile.toml")[0].models[0].source == str(folder / "chat.gguf")


def test_a_member_of_an_archive_can_be_meant(folder: Path) -> None:
    (folder / "lmfile.toml").write_text('[[model]]\nsource = "chat.gguf#inside.gguf"\n')
    assert read(folder / "lmfile.toml")[0].models[0].source == f"{folder / 'chat.gguf'}#inside.gguf"


def test_the_published_schema_is_what_is_checked(folder: Path) -> None:
    docs = Path(__file__).parents[3] / "docs"
    subprocess.run([sys.executable, docs / "schema.py", "--check"], check=True, timeout=60)
    published = json.loads((docs / "lmfile.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(tomllib.loads(WHOLE), published)
    assert set(published["properties"]) == {field.encode_name for field in _fields()}


def _fields() -> Any:
    import msgspec

    from bundler.recipe.toml_tables import RecipeTable

    return msgspec.structs.fields(RecipeTable)


def test_the_recipe_of_the_documents_is_sound() -> None:
    docs = Path(__file__).parents[3] / "docs"
    (example,) = re.findall(r"```toml\n(.*?)```", (docs / "RECIPE.md").read_text(encoding="utf-8"), re.DOTALL)
    jsonschema.validate(tomllib.loads(example), json.loads((docs / "lmfile.schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"model": []},
        {"model": {"source": "a"}},
        {"model": [{"name": "a"}]},
        {"model": [{"source": "a", "rolle": "chat"}]},
        {"model": [{"source": "a", "role": "chatt"}]},
        {"model": [{"source": "a"}], "nmae": "x"},
        {"model": [{"source": "a"}], "bake": "yes"},
        {"model": [{"source": "a"}], "defaults": {"ctx-siz": 1}},
        {"model": [{"source": "a"}], "defaults": {"top-p": 2}},
        {"model": [{"source": "a"}], "defaults": {"api-key": "k"}},
        {"model": [{"source": "a"}], "assistant": {"color": "red"}},
        {"model": [{"source": "a"}], "assistant": {"starters": 9 * ["a"]}},
        {"model": [{"source": "a"}], "adapter": [{"source": "a", "scale": 1e9}]},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


KEYS = st.one_of(st.sampled_from(["a", "b", "model", "x-y", "1"]), st.text("ab.\"'# \\\n]", min_size=0, max_size=4))
VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.text("ab\n\"'#[]{}=\\,", max_size=6), st.floats(0, 1)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return json.dumps(text)


def value(given: Any, draw: Any) -> str:
    """TOML of a value, with line breaks and comments wherever there may be some."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str):
        if draw(st.booleans()):
            return '"""' + given.replace("\\", "\\\\").replace('"', '\\"') + '"""'
        return quoted(given)
    if isinstance(given, list):
        gap = draw(st.sampled_from(["", " ", "\n", " # ]\n"]))
        return "[" + gap + ("," + gap).join(value(item, draw) for item in given) + gap + "]"
    if isinstance(given, dict):
        return "{" + ", ".join(f"{quoted(key)} = {value(item, draw)}" for key, item in given.items()) + "}"
    return repr(given)


@st.composite
def documents(draw: Any) -> str:
    out = []
    names = draw(st.lists(KEYS, max_size=4, unique=True))
    for name in names:
        out.append(f"{quoted(name)} . k={value(draw(VALUES), draw)} # = {{\n")
    for name in draw(st.lists(KEYS, max_size=4)):
        if name in names:
            continue
        out.append(f"\n[[ {quoted(name)} ]]\n")
        for key, item in draw(st.dictionaries(KEYS, VALUES, max_size=3)).items():
            out.append(f"{quoted(key)} = {value(item, draw)}\n")
    return "".join(out)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(documents())
def test_every_key_of_any_toml_has_its_line(text: str) -> None:
    table = tomllib.loads(text)
    found = lines(text)
    rows = text.split("\n")

    def check(item: Any, path: tuple[str | int, ...]) -> None:
        if path:
            line = found[path]
            assert 1 <= line <= len(rows)
            if isinstance(path[-1], str) and len(path) == 1:
                assert quoted(path[-1]) in rows[line - 1]
        if isinstance(item, dict):
            for key, inner in item.items():
                check(inner, (*path, key))
        elif isinstance(item, list):
            for place, inner in enumerate(item):
                check(inner, (*path, place))

    check(table, ())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.one_of(
        documents(),
        st.lists(
            st.sampled_from(
                [
                    "[[model]]",
                    "\n",
                    "source",
                    "=",
                    '"smollm2"',
                    "[",
                    "]",
                    "defaults",
                    "1",
                    "'",
                    '"""',
                    "{",
                    "}",
                    ",",
                    ".",
                ]
            ),
            max_size=20,
        ).map("".join),
        st.binary(max_size=40),
    )
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        read(path)
    except RecipeInvalid as error:
        assert error.exit_code == 12
