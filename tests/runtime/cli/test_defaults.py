"""Flags that a publisher has packed: below the user's, checked like those, and never the end of a start."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from runtime.cli.defaults import setting, with_defaults
from runtime.cli.flags import BY_OFF, FLAGS, Options
from runtime.cli.help import help_page
from runtime.cli.parse import parse
from runtime.payload.defaults import OF_THE_MODEL, PACKABLE, why_not


def started(packed: Mapping[str, object], *arguments: str, is_foreign: bool = False) -> tuple[Options, list[str]]:
    return with_defaults(parse(list(arguments))[0], packed, is_foreign=is_foreign)


def test_they_stand_below_what_the_user_says() -> None:
    packed = {"ctx-size": 4096, "temp": 0.2, "top-k": "7", "stop": ["END", "a, b"], "context-shift": True}
    options, warnings = started(packed, "--temp", "0.9")
    assert (options.ctx_size, options.temp, options.top_k, options.context_shift) == (4096, 0.9, 7, True)
    assert options.stop == ("END", "a, b")
    assert (vars(options), warnings) == ({"temp": 0.9}, [])
    assert (Options.ctx_size, Options.stop) == (0, ()), "other starts have their own"


def test_a_users_list_replaces_the_packed_one_and_a_switch_is_turned_off() -> None:
    options, _ = started({"stop": "END", "context-shift": True}, "--stop", "x", "-r", "y, z", "--no-context-shift")
    assert (options.stop, options.context_shift) == (("x", "y, z"), False)
    assert {"--no-context-shift", "--cache-prompt", "--browser", "--no-chat", "--no-server"} <= set(BY_OFF)


@pytest.mark.parametrize("said", [["--server"], ["-p", "Hi"], ["--chat"]])
def test_a_packed_mode_gives_way(said: list[str]) -> None:
    options, warnings = started({"chat": True}, *said)
    assert vars(options) == vars(parse(said)[0])
    assert options.chat is (said == ["--chat"])
    assert warnings == []
    assert started({"chat": True})[0].chat
    assert not started({"chat": True}, "--no-chat")[0].chat
    both, _ = started({"chat": True, "server": True})
    assert not both.chat
    assert not both.server


def test_of_another_model_nothing_about_the_packed_one_is_true() -> None:
    packed = {"chat-template": "chatml", "stop": "END", "temp": 0.5, "port": 9000, "ctx-size": 512}
    options, _ = started(packed, "-m", "other.gguf", is_foreign=True)
    assert (options.chat_template, options.stop, options.ctx_size) == (None, (), 0)
    assert (options.temp, options.port) == (0.5, 9000)


def test_a_users_template_file_stands_in_place_of_the_packed_template() -> None:
    options, _ = started({"chat-template": "chatml"}, "--chat-template-file", "own.jinja")
    assert (options.chat_template, options.chat_template_file) == (None, "own.jinja")


BROKEN: list[tuple[str, Any]] = [
    ("frobnicate", 1),
    ("temp", 200),
    ("temp", "warm"),
    ("temp", float("nan")),
    ("temp", True),
    ("temp", None),
    ("ctx-size", 0.5),
    ("ctx-size", [1]),
    ("context-shift", 1),
    ("stop", ["x"] * 17),
    ("stop", ["x" * 257]),
    ("stop", [""]),
    ("stop", 7),
    ("stop", {"a": 1}),
    ("pooling", "loud"),
    ("alias", "a\0b"),
    ("alias", "\ud800"),
    ("chat-template", "{" * 100_001),
    ("chat-template", "voodoo"),
    ("chat-template-kwargs", "[1]"),
    ("chat-template-kwargs", "{" * 9),
    ("api-key", "secret"),
    ("slot-save-path", "/home/somebody"),
    ("lora", "x.gguf"),
    ("model", "x.gguf"),
    ("log-file", "/var/log/x"),
    ("host", "0.0.0.0"),
    ("prompt", "Hi"),
    ("help", True),
    ("\x1b[31m", 1),
]


@pytest.mark.parametrize(("name", "value"), BROKEN, ids=[name for name, _ in BROKEN])
def test_what_cannot_be_is_left_out_with_a_warning(name: str, value: Any) -> None:
    options, (warning,) = started({name: value, "top-k": 9})
    assert options.top_k == 9
    others = {flag.field for flag in FLAGS} - {"top_k"}
    assert {field: getattr(options, field) for field in others} == {field: getattr(Options, field) for field in others}
    assert warning.isprintable()
    assert len(warning) < 200


def test_too_many() -> None:
    options, warnings = started({"top-k": 9} | {f"f{i}": 1 for i in range(1000)})
    assert options.top_k == 9
    assert len(warnings) == 64


def test_every_name_that_can_be_packed_is_a_flag_and_no_path_or_secret_is_one() -> None:
    flags = {flag.name: flag for flag in FLAGS}
    assert set(flags) >= PACKABLE > OF_THE_MODEL
    assert not [name for name in PACKABLE if flags[name].kind == "file"]
    assert not [name for name in PACKABLE if "key" in name or "host" in name or "endpoint" in name]
    assert {why_not(name) for name in set(flags) - PACKABLE}


def test_any_spelling_means_the_flag() -> None:
    assert [setting(name, 5)[0].name for name in ("n-predict", "n", "predict")] == ["predict"] * 3
    assert setting("ngl", "all")[1] == 9999
    assert setting("no-browser", "true") == (setting("nobrowser", True)[0], True)


def test_help_shows_the_publishers_values() -> None:
    packed = {"ctx-size": 4096, "temp": 0, "context-shift": True, "stop": ["END", "STOP"]}
    packed |= {"chat-template": "{{ x }}" * 99}
    page = help_page("./mine", "mine", everything=True, defaults=type(started(packed)[0]))
    assert "[4096]" in page
    assert "likeliest token [0.0]" in page
    assert "[on; --no-context-shift ends it]" in page
    assert "[END STOP]" in page
    assert max(map(len, page.splitlines())) <= 120


def test_it_is_json() -> None:
    packed = json.loads(json.dumps({"stop": ["x"], "temp": 1, "seed": 7}))
    options, warnings = started(packed)
    assert (options.stop, options.temp, options.seed, warnings) == (("x",), 1.0, 7, [])
