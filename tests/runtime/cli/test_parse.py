"""Flags: llama-server's spellings, bounds, and what older llamafiles knew."""

import pytest

from runtime.cli.flags import BY_NAME, FLAGS, LEGACY_SWITCHES, LEGACY_WITH_VALUE, Options
from runtime.cli.parse import parse
from runtime.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["-ngl", "99"], "gpu_layers", 99),
        (["--gpu-layers", "all"], "gpu_layers", 9999),
        (["--n-gpu-layers=auto"], "gpu_layers", -1),
        (["-n", "-1"], "predict", -1),
        (["--temp", "0"], "temp", 0.0),
        (["-c", "0"], "ctx_size", 0),
        (["--port=0"], "port", 0),
        (["-p", "--what is -c?"], "prompt", "--what is -c?"),
        (["--prompt=a=b"], "prompt", "a=b"),
        (["--nobrowser"], "nobrowser", True),
        (["--no-browser"], "nobrowser", True),
        (["--seed", "4294967295"], "seed", 2**32 - 1),
        (["--gpu", "NVIDIA"], "gpu", "NVIDIA"),
        (["-np", "16"], "parallel", 16),
        (["--parallel", "-1"], "parallel", -1),
        (["--context-shift"], "context_shift", True),
        (["--keep", "-1"], "keep", -1),
        (["--draft-max", "8"], "draft_max", 8),
        (["--spec-draft-n-max", "8"], "draft_max", 8),
        (["-md", "small.gguf"], "model_draft", "small.gguf"),
        (["--no-cache-prompt"], "no_cache_prompt", True),
        (["--slot-save-path", "/tmp"], "slot_save_path", "/tmp"),
    ],
)
def test_one_flag(arguments: list[str], field: str, value: object) -> None:
    options, warnings = parse(arguments)
    assert getattr(options, field) == value
    assert warnings == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "65536"], "from 0 to 65535"),
        (["--port"], "needs a value"),
        (["--port", "eighty"], "a whole number"),
        (["--temp", "nan"], "from 0 to 100"),
        (["--temp", "1e999"], "from 0 to 100"),
        (["-c", "-1"], "from 0"),
        (["--seed", "9" * 5000], "give a whole number"),
        (["--gpu", "voodoo"], "choose one of"),
        (["-np", "257"], "from -1 to 256"),
        (["--draft-max", "-1"], "from 0 to 64"),
        (["--sever"], "did you mean --server?"),
        (["--frobnicate"], "see --help"),
        (["hello"], 'write -p "…"'),
        (["--server=yes"], "takes no value"),
        (["--server", "--chat"], "exclude each other"),
        (["-p", "", "--server"], "exclude each other"),
        (["--raw"], "add -p TEXT"),
    ],
)
def test_wrong_command_line_is_one_sentence(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 10


def test_flags_of_older_llamafiles_warn_and_go_on() -> None:
    old = ["--unsecure", "--nologo", "-fa", "on", "--mlock", "-b", "512", "--ctx-size", "0", "-ngl", "9999", "--v2"]
    options, warnings = parse(old)
    assert options.gpu_layers == 9999
    assert warnings == [
        f"{name} has no effect in this version" for name in ("--unsecure", "--nologo", "-fa", "--mlock", "-b", "--v2")
    ]


def test_a_legacy_flag_never_swallows_the_next_flag() -> None:
    options, warnings = parse(["--flash-attn", "--port", "9000"])
    assert options.port == 9000
    assert warnings == ["--flash-attn has no effect in this version"]


def test_no_spelling_is_both_known_and_legacy() -> None:
    assert not set(BY_NAME) & (LEGACY_SWITCHES | LEGACY_WITH_VALUE)
    assert not LEGACY_SWITCHES & LEGACY_WITH_VALUE


def test_the_table_and_the_options_agree() -> None:
    assert {flag.field for flag in FLAGS} == set(Options.__annotations__)
