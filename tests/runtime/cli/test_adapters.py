"""The flags of adapters, and the packed ones, as the worker is told of them."""

from pathlib import Path

import pytest

from bundler.container import Part
from runtime.adapters.catalogue import Wanted, decode
from runtime.cli.adapters import with_adapters
from runtime.cli.parse import parse
from runtime.engine.config import WorkerConfig
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, UsageError
from runtime.payload import Adapter, Payload
from tests.adapters.folders import adapter, base_model, peft_folder
from tests.packing import pack


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.gguf", "b.gguf", "c:0.5.gguf"):
        (tmp_path / name).write_bytes(adapter())
    peft_folder(tmp_path / "folder")
    base_model(tmp_path)
    return tmp_path


def told(*flags: str, payload: Payload | None = None) -> tuple[list[Wanted], str]:
    config = with_adapters(WorkerConfig("llama.gguf"), parse(list(flags))[0], payload)
    return decode(config.adapters), config.lora_dir


def test_as_llama_server_takes_them(here: Path) -> None:
    wanted, folder = told("--lora", "a.gguf,folder", "--lora-scaled", "b.gguf:0.5,c:0.5.gguf:-1e-1", "--lora-dir", ".")
    a, b, c = (str(here / name) for name in ("a.gguf", "b.gguf", "c:0.5.gguf"))
    assert wanted == [
        Wanted("a", a, scale=1.0), Wanted("folder", str(here / "folder"), scale=1.0),
        Wanted("b", b, scale=0.5), Wanted("c_0.5", c, scale=-0.1),
    ]  # fmt: skip
    assert folder == str(here)


def test_a_flag_may_be_given_again() -> None:
    assert [each.name for each in told("--lora", "a.gguf", "--lora=b.gguf")[0]] == ["a", "b"]
    assert told() == ([], "")


def test_none_is_applied_unless_asked_for() -> None:
    assert [each.scale for each in told("--lora", "a.gguf,b.gguf", "--lora-init-without-apply")[0]] == [0.0, 0.0]


@pytest.mark.parametrize("value", ["a.gguf", "a.gguf:", "a.gguf:x", ":0.5", "a.gguf:nan", "a.gguf:inf", "a.gguf:1e9"])
def test_a_false_weight_is_one_sentence(value: str) -> None:
    with pytest.raises(UsageError, match=r"write it as FILE:0\.5"):
        told("--lora-scaled", value)


def test_what_is_not_there() -> None:
    for flags in (
        ("--lora", "none.gguf"),
        ("--lora-scaled", "none.gguf:1"),
        ("--lora-dir", "none"),
        ("--lora-dir", "a.gguf"),
    ):
        with pytest.raises(AdapterNotFound) as caught:
            told(*flags)
        assert caught.value.exit_code == 25


def test_what_does_not_fit_the_model_ends_the_start(here: Path) -> None:
    (here / "bad.gguf").write_bytes(adapter()[:100])
    (here / "pickle.bin").write_bytes(b"\x80\x02}.")
    with pytest.raises(AdapterInvalid, match=r"bad\.gguf"):
        told("--lora", "a.gguf,bad.gguf")
    with pytest.raises(AdapterUnsupported, match="pickle"):
        told("--lora-scaled", "pickle.bin:1")


def test_two_of_one_name(here: Path) -> None:
    (here / "folder" / "a.gguf").write_bytes(adapter())
    with pytest.raises(UsageError, match="both be called `a`"):
        told("--lora", "a.gguf,folder/a.gguf")


def test_packed_ones_follow(here: Path, tmp_path: Path) -> None:
    part = Part("adapters/p.gguf", "adapter", adapter())
    records = [Adapter("p", "adapters/p.gguf", "llama", 2, 24, 0.0)]
    payload = Payload.open(pack(tmp_path, here / "packed", extra=[part], adapters=records))
    (member,) = payload.by_role("adapter")
    assert member.offset % 65536 == 0
    wanted = told("--lora", "a.gguf", payload=payload)[0]
    assert wanted[1:] == [Wanted("p", str(here / "packed"), member.offset, len(adapter()), 0.0)]
