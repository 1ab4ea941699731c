"""`lmfile init`: what is written builds as it stands, says every key, and is what another recipe says."""

import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler import cli
from bundler.recipe import LicenseText, Message, Recipe, WantedAdapter, WantedModel, read
from bundler.recipe.start import start
from bundler.recipe.toml_tables import AdapterTable, AssistantTable, ModelTable, RecipeTable
from bundler.recipe.toml_text import written
from runtime.cli.flags import Options


def test_what_is_written_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "new")]) == 0
    path = tmp_path / "new" / "lmfile.toml"
    assert str(path) in capsys.readouterr().out
    recipe, warnings = read(path)
    assert warnings == []
    assert recipe == Recipe((WantedModel("smollm2"),), output=tmp_path / "new" / "smollm2")
    assert path.read_text().startswith("#:schema lmfile.schema.json\n")
    assert json.loads((path.parent / "lmfile.schema.json").read_text())["title"] == "lmfile.toml"


def test_every_key_is_there_with_its_default(tmp_path: Path) -> None:
    """Without the # of its lines the recipe says the same."""
    path, _ = start(tmp_path, "", force=False)
    text = path.read_text()
    for table in (RecipeTable, ModelTable, AssistantTable, AdapterTable):
        for field in msgspec.structs.fields(table):
            if field.encode_name not in ("defaults", "model", "adapter", "assistant", "messages"):
                assert re.search(rf"^(# )?{field.encode_name} = ", text, re.MULTILINE), field.encode_name
    (tmp_path / "my-lora.gguf").write_bytes(b"")
    before, _ = read(path)
    path.write_text(re.sub(r"^# (?=\[\[|[a-z0-9-]+ = )", "", text, flags=re.MULTILINE))
    after, _ = read(path)
    assert after.adapters == (WantedAdapter(str(tmp_path / "my-lora.gguf")),)
    assert after.messages == (Message("user", "What is a sourdough?"),)
    for name, value in after.defaults.items():
        assert value == getattr(Options, name.replace("-", "_")), name
    assert len(after.defaults) >= 14
    assert replace(after, adapters=(), messages=(), defaults={}) == before


def test_nothing_is_replaced_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lmfile.toml"
    path.write_text("mine")
    assert cli.main(["init", str(path)]) == 10
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["lmfile.toml"]
    assert "--force" in capsys.readouterr().err
    assert cli.main(["init", str(path), "--force"]) == 0
    assert read(path)[0].models == (WantedModel("smollm2"),)


def test_from_a_modelfile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    modelfile = tmp_path / "Modelfile"
    modelfile.write_text(
        'FROM a.gguf\nSYSTEM """One\ntwo \'three\' \\n"""\nPARAMETER temperature 0.5\nPARAMETER stop "<end>"\n'
        'PARAMETER mirostat 2\nTEMPLATE """{{ .System }}\n{{ .Prompt }}"""\nMESSAGE user hi\nLICENSE """L\n"""\n'
    )
    assert cli.main(["init", str(tmp_path / "new"), "--from", str(modelfile)]) == 0
    assert "mirostat has no effect" in capsys.readouterr().err
    recipe, _ = read(tmp_path / "new" / "lmfile.toml")
    assert recipe == replace(read(modelfile)[0], output=tmp_path / "new" / "a")
    assert 'source = "../a.gguf"' in (tmp_path / "new" / "lmfile.toml").read_text()
    assert (tmp_path / "new" / "LICENSE").read_text() == "L\n"


def test_from_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "My Model.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    path, _ = start(Path("x"), "My Model.gguf", force=False)
    recipe, _ = read(path)
    assert recipe.models == (WantedModel(str(tmp_path / "My Model.gguf")),)
    assert recipe.output == tmp_path / "x" / "my-model"
    path, _ = start(Path("y.toml"), "hf:org/Some-Model-GGUF:q4_k_m", force=False)
    assert read(path)[0].models == (WantedModel("hf:org/Some-Model-GGUF:q4_k_m"),)


@pytest.mark.parametrize(("origin", "code"), [("nothing.gguf", 20), ("smolm2", 20), ("no/Modelfile", 12)])
def test_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], origin: str, code: int) -> None:
    assert cli.main(["init", str(tmp_path / "new"), "--from", origin]) == code
    assert origin in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters="\n\t'\"\\#"))
LINES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=20)
RECIPES = st.builds(
    Recipe,
    models=st.just((WantedModel("smollm2"),)),
    name=LINES,
    version=LINES,
    color=st.sampled_from(["", "#12ab34"]),
    greeting=TEXTS,
    system_prompt=TEXTS,
    starters=st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
    messages=st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), TEXTS), max_size=2).map(tuple),
    chat_template=st.sampled_from(["", "{{ messages }}\n", "{% if '''x''' %}\\n{% endif %}"]),
    licenses=st.lists(
        st.builds(LicenseText, st.sampled_from(["LICENSE", "a/b", "lmfile.toml"]), TEXTS), max_size=2
    ).map(tuple),
    defaults=st.fixed_dictionaries(
        {}, optional={"temp": st.floats(0, 9), "ctx-size": st.integers(0, 99), "stop": st.just(("a'", '"b\n'))}
    ),
    bake=st.booleans(),
    sidecar=st.booleans(),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(RECIPES)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    folder = tmp_path_factory.getbasetemp()
    text, files = written(recipe, folder)
    for name, content in {**files, "lmfile.toml": text}.items():
        (folder / name).write_bytes(content.encode())
    again, _ = read(folder / "lmfile.toml")
    assert replace(again, licenses=()) == replace(recipe, licenses=())
    assert [each.text for each in again.licenses] == [each.text for each in recipe.licenses]
