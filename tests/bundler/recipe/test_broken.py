"""Broken recipes, Modelfiles, `.args` and adapters: one sentence each, with file, line and key, and the exit code."""

import json
from pathlib import Path

import pytest

from bundler import adapters, cli, fetch
from bundler.recipe import WantedAdapter, read
from runtime.errors import LmfileError, RecipeInvalid
from tests.adapters.folders import adapter, base_model, peft_folder

MODEL = '[[model]]\nsource = "a.gguf"\n'

TOML = [
    ("", 1, "model", "is missing"),
    ('nmae = "x"\n' + MODEL, 1, "nmae", "did you mean name?"),
    ("name = 1\n" + MODEL, 1, "name", "has to be text"),
    ('name = "x\n', 1, "name", "not TOML"),
    ('name = "a"\nname = "b"\n' + MODEL, 2, "name", "overwrite"),
    (f'name = "{"n" * 81}"\n' + MODEL, 1, "name", "more than 80"),
    ('name = "a\\u0007"\n' + MODEL, 1, "name", "cannot be shown"),
    ('version = "1\\n2"\n' + MODEL, 1, "version", "one line"),
    ('bake = "yes"\n' + MODEL, 1, "bake", "true or false"),
    ("sidecar = 1979-05-27\n" + MODEL, 1, "sidecar", "is a date"),
    ('targets = ["linux-x86_64", "amiga"]\n' + MODEL, 1, "targets", "`amiga`"),
    ('targets = [\n"linux-x86_64",\n"amiga"]\n' + MODEL, 3, "targets", "`amiga`"),
    ('licenses = ["nope.txt"]\n' + MODEL, 1, "licenses", "no such file"),
    ('[model]\nsource = "a.gguf"\n', 1, "model", "[[model]]"),
    ('model = ["a.gguf"]\n', 1, "model", "a table"),
    ("[[model]]\n", 1, "model.source", "is missing"),
    ('[[model]]\nsource = ""\n', 2, "model.source", "is empty"),
    ('[[model]]\nsource = "b.gguf"\n', 2, "model.source", "no such file"),
    ('[[model]]\nsource = "~nobody-here/b.gguf"\n', 2, "model.source", "home"),
    ('[[model]]\nsource = "hf:repo"\n', 2, "model.source", "no model of a hub"),
    ('[[model]]\nsource = "https://example.org/a.gguf"\n', 2, "model.source", "#sha256="),
    (MODEL + "\n" + MODEL + 'role = "chatt"\n', 6, "model.role", "choose one of chat"),
    (MODEL + 'rolle = "chat"\n', 3, "model.rolle", "did you mean role?"),
    (MODEL + 'name = "a b"\n', 3, "model.name", "letters, digits"),
    (MODEL + 'quantize = "q4 k m"\n', 3, "model.quantize", "type of quantisation"),
    (MODEL + 'name = "x"\n' + MODEL + 'name = "x"\n', 6, "model.name", "another model"),
    (MODEL + "[assistant]\nicon = 'a.gguf'\n", 4, "assistant.icon", "plain SVG"),
    (MODEL + 'quantize = "q4_k_x"\n', 3, "model.quantize", "did you mean q4_k"),
    (MODEL + 'imatrix = "a.gguf"\n', 3, "model.imatrix", "add quantize"),
    (MODEL + 'sha256 = "abc"\n', 3, "model.sha256", "64 digits"),
    (MODEL + f'sha256 = "{64 * "a"}"\n', 3, "model.sha256", "https address"),
    (MODEL + 'chat-template = "no.jinja"\n', 3, "model.chat-template", "no such file"),
    (MODEL + 'role = "embed"\nchat-template = "{{ x }}"\n', 4, "model.chat-template", "first chat model"),
    (MODEL + '[[adapter]]\nname = "x"\n', 3, "adapter.source", "is missing"),
    (MODEL + '[[adapter]]\nsource = "a.gguf"\nscale = 1e9\n', 5, "adapter.scale", "too great"),
    (MODEL + "[assistant]\ncolor = 'red'\n", 4, "assistant.color", "#rrggbb"),
    (MODEL + "[assistant]\nicon = 'no.png'\n", 4, "assistant.icon", "no such file"),
    (MODEL + "[assistant]\nsystem-prompt = '@no.txt'\n", 4, "assistant.system-prompt", "no such file"),
    (MODEL + "[assistant]\nstarters = ['a', 2]\n", 4, "assistant.starters", "has to be text"),
    (MODEL + "[assistant]\nstarters = ['', 'a']\n", 4, "assistant.starters", "is empty"),
    (MODEL + "[[assistant.messages]]\nrole = 'robot'\ncontent = 'x'\n", 4, "assistant.messages.role", "user"),
    (MODEL + '[[assistant.messages]]\nrole = "user"\ncontent = "\\u0007"\n', 3, "assistant.messages", "shown"),
    (MODEL + '[assistant]\nstarters = ["\\u0007"]\n', 4, "assistant.starters", "cannot be shown"),
    (MODEL + "[defaults]\nctx-siz = 1\n", 4, "defaults.ctx-siz", "did you mean ctx-size?"),
    (MODEL + '[[assistant.messages]]\nrole = "user"\ncontent = "\\u0007"\n', 3, "assistant.messages", "shown"),
    (MODEL + '[assistant]\nstarters = ["\\u0007"]\n', 4, "assistant.starters", "cannot be shown"),
    (MODEL + "[defaults]\nctx-size = 'big'\n", 4, "defaults.ctx-size", "whole number"),
    (MODEL + "[defaults]\ntop-p = 2\n", 4, "defaults.top-p", "from 0 to 1"),
    (MODEL + "[defaults]\ntemp = nan\n", 4, "defaults.temp", "a number"),
    (MODEL + "[defaults]\napi-key = 'k'\n", 4, "defaults.api-key", "secret"),
    (MODEL + "[defaults]\nhost = '0.0.0.0'\n", 4, "defaults.host", "who is reached"),
    (MODEL + "[defaults]\nhelp = true\n", 4, "defaults.help", "no sense"),
    (MODEL + "[defaults]\nstop = 3\n", 4, "defaults.stop", "texts"),
    (MODEL + "[defaults]\nserver = 'perhaps'\n", 4, "defaults.server", "true or false"),
    (MODEL + "[defaults]\ntemp = 1\ntemperature = 1\n", 5, "defaults.temperature", "again"),
    (MODEL + "defaults = { x = {} }\n", 3, "model.defaults", "no key"),
]
MODELFILES = [
    ("SYSTEM x\n", 1, "FROM", "is missing"),
    ("FROM b.gguf\n", 1, "FROM", "no such file"),
    ("\nFROM no-such-model\n", 2, "FROM", "hf:org/repo"),
    ("FROM a.gguf\nFROM c.gguf\n", 2, "FROM", "a second model"),
    ("FROM hf.co/repo\n", 1, "FROM", "no model of a hub"),
    ("FROM *.nothing\n", 1, "FROM", "shards"),
    ("FROM ~nobody-here/*.gguf\n", 1, "FROM", "no pattern"),
    ("FORM a.gguf\n", 1, "FORM", "did you mean FROM?"),
    ("FROM a.gguf\n\nPARAMETER temprature 1\n", 3, "PARAMETER temprature", "did you mean temperature?"),
    ("FROM a.gguf\nPARAMETER temperature hot\n", 2, "PARAMETER temperature", "a number"),
    ("FROM a.gguf\nPARAMETER num_ctx 1.5\n", 2, "PARAMETER num_ctx", "whole number"),
    ("FROM a.gguf\nPARAMETER\n", 2, "PARAMETER", "nothing behind it"),
    ("FROM a.gguf\nPARAMETER seed\n", 2, "PARAMETER seed", "nothing behind it"),
    ("FROM a.gguf\nMESSAGE robot hi\n", 2, "MESSAGE robot", "choose one of system"),
    ('FROM a.gguf\nSYSTEM """never\nends\n', 2, "SYSTEM", "does not end"),
    ('FROM a.gguf\nTEMPLATE """\n{{ if .Prompt }}\n{{ .Prompt }}"""\n', 3, "TEMPLATE", "does not end"),
    ('FROM a.gguf\nTEMPLATE """a\n\n{{ define "x" }}{{ end }}"""\n', 4, "TEMPLATE", "named template"),
    ("FROM a.gguf\n" + 17 * "PARAMETER stop x\n", 18, "PARAMETER stop", "at most 16"),
    ("FROM a.gguf\nADAPTER no.gguf\n", 2, "ADAPTER", "no such file"),
    ("FROM a.gguf\nSYSTEM " + 20_001 * "x", 2, "SYSTEM", "more than 20000"),
    ("FROM a.gguf\n" + 65 * "MESSAGE user x\n" + "LICENSE x\n", 66, "MESSAGE", "more than 64"),
]
ARGS = [
    ("-c\n1\n", 1, "-m", "is missing"),
    ("-m\nb.gguf\n", 2, "-m", "no such file"),
    ("-m a.gguf\n--tempp 1\n", 2, "--tempp", "did you mean --temp?"),
    ("-m a.gguf\n\n--temp hot\n", 3, "--temp", "a number"),
    ("-m a.gguf\n-c\n...\n", 2, "-c", "needs a value"),
    ("-m a.gguf\nhello there\n", 2, "hello there", "where a flag has to"),
    ("-m a.gguf --lora-scaled a.gguf:much\n", 1, "--lora-scaled", "a number"),
    ("-m a.gguf\n-sys '\n", 2, "", "a quote that does not end"),
]
CASES = [
    *(("lmfile.toml", *case) for case in TOML),
    *(("Modelfile", *case) for case in MODELFILES),
    *((".args", *case) for case in ARGS),
]


def check_sentence(sentence: str) -> None:
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert not sentence.endswith(("..", "?.", ";."))


@pytest.mark.parametrize(("name", "text", "line", "key", "words"), CASES)
def test_one_sentence_with_line_and_key(tmp_path: Path, name: str, text: str, line: int, key: str, words: str) -> None:
    for model in ("a.gguf", "c.gguf"):
        (tmp_path / model).write_bytes(b"GGUF")
    (tmp_path / name).write_text(text)
    with pytest.raises(RecipeInvalid) as caught:
        read(tmp_path / name)
    error = caught.value
    assert (error.line, error.key, error.exit_code) == (line, key, 12)
    sentence = str(error)
    assert words in sentence
    assert f"line {line}" in sentence
    check_sentence(sentence)


def test_there_are_many() -> None:
    assert len(CASES) >= 50


def test_the_command_says_it_and_ends_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lmfile.toml"
    path.write_text('nmae = "x"\n')
    assert cli.main(["init", str(tmp_path / "new"), "--from", str(path)]) == 12
    assert capsys.readouterr().err == (
        f"error: Reading the recipe `{path}`, line 1: `nmae` is no key of a recipe; did you mean name?\n"
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ({"r": 0}, 26, "`r`"),
        ({"r": "2"}, 26, "`r`"),
        ({"lora_alpha": "much"}, 26, "`lora_alpha`"),
        ({"use_dora": True}, 27, "DoRA"),
        ({"peft_type": "IA3"}, 27, "IA3"),
        ({"modules_to_save": ["lm_head"]}, 27, "modules_to_save"),
    ],
)
def test_adapters_whose_configuration_is_wrong(
    tmp_path: Path, config: dict[str, object], code: int, words: str
) -> None:
    base = base_model(tmp_path)
    folder = peft_folder(tmp_path / "lora")
    about = json.loads((folder / "adapter_config.json").read_text()) | config
    (folder / "adapter_config.json").write_text(json.dumps(about))
    with pytest.raises(LmfileError) as caught:
        adapters.packed([WantedAdapter(str(folder))], base, fetch.quiet)
    assert caught.value.exit_code == code
    assert words in str(caught.value)
    check_sentence(str(caught.value))


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "folder"])
def test_adapters_that_are_none(tmp_path: Path, damage: str) -> None:
    base = base_model(tmp_path)
    path = tmp_path / "lora.gguf"
    whole = adapter()
    contents = {"empty": b"", "cut": whole[: len(whole) // 2], "foreign": b"GIF89a" + bytes(200)}
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(contents[damage])
    with pytest.raises(LmfileError) as caught:
        adapters.packed([WantedAdapter(str(path))], base, fetch.quiet)
    assert caught.value.exit_code == (25 if damage == "folder" else 26)
    check_sentence(str(caught.value))
