"""The flow of `lmfile repack`: what changes, what stays, and that weights are neither read nor hashed.

Launcher, image and compiled code are stand-ins here; tests/e2e repacks the real thing.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler import cli, copying, machinery
from bundler.container import Part
from bundler.runtime_image import RuntimeImage
from bundler.signature import signed
from runtime.payload import Payload
from tests.adapters.folders import adapter
from tests.gguf_writer import STRING, TINY, U32, gguf, synthetic_gguf

WEIGHTS_BYTES = 5_000_000


@pytest.fixture(autouse=True)
def _stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, "old")


def machine(folder: Path, monkeypatch: pytest.MonkeyPatch, age: str) -> None:
    """Have builds from now on use a launcher, an image and code of this `age`."""
    launcher, image = folder / f"launcher-{age}", folder / f"image-{age}"
    launcher.write_bytes(b"\x7fELF" + age.encode() + bytes(1000))
    (image / "LICENSES").mkdir(parents=True)
    (image / "LICENSES" / f"{age}.txt").write_text("PSF")
    (image / "runtime.tar.zst").write_bytes(age.encode() * 1000)
    made = RuntimeImage(
        root=image, target="linux-x86_64", sha256="0" * 64, size_bytes=4000, unpacked_bytes=9, python="3.13.17",
        glibc="2.17", engine={"llama_cpp_python": age, "recipe": age}, packages={"aiohttp": "3.14.5"},
    )  # fmt: skip
    monkeypatch.setattr(machinery, "launcher", lambda _target, _progress: launcher)
    monkeypatch.setattr(machinery, "runtime_image", lambda _target, _progress: made)
    monkeypatch.setattr(machinery.app, "parts", lambda _progress: [Part("app/code.pyc", "app", age.encode())])


def run(*arguments: object) -> None:
    assert cli.main(list(map(str, arguments))) == 0


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    capsys.readouterr()
    code = cli.main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return code, err


def whole(path: Path) -> Payload:
    payload = Payload.open(path)
    assert payload.verify(lambda _what, _done, _total: None) == []
    return payload


def weights(payload: Payload) -> dict[str, bytes]:
    found = {}
    for member in (*payload.by_role("model"), *payload.by_role("mmproj"), *payload.by_role("adapter")):
        with payload.file_of(member).open("rb") as file:
            file.seek(member.offset)
            found[member.path] = file.read(member.size)
    return found


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """An adapter for the model below."""
    tensors = [("blk.0.attn_q.weight.lora_a", (8, 2), 1), ("blk.0.attn_q.weight.lora_b", (2, 8), 1)]
    path = tmp_path / "voice.gguf"
    path.write_bytes(adapter(tensors=tensors))
    return path


@pytest.fixture
def built(tmp_path: Path, voice: Path) -> Path:
    """An executable with two models, an adapter and an assistant."""
    chat, vectors, output = tmp_path / "chat.gguf", tmp_path / "vectors.gguf", tmp_path / "before" / "mine"
    synthetic_gguf(chat, WEIGHTS_BYTES)
    vectors.write_bytes(gguf({**TINY, "general.name": (STRING, "Vectors"), "llama.pooling_type": (U32, 1)}))
    icon = tmp_path / "icon.svg"
    icon.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>')
    said = [
        "--name",
        "Ada",
        "--greeting",
        "Hello",
        "--system-prompt",
        "You are Ada.",
        "--starter",
        "Why?",
        "--icon",
        icon,
    ]
    run(
        "build", chat, vectors, "-o", output, "--adapter", f"{voice}:0.5", *said, "--set", "temp=0.5", "--set", "seed=7"
    )
    chat.unlink()
    vectors.unlink()
    return output


def test_all_as_it_was_is_the_same_file(built: Path, output: Path) -> None:
    run("repack", built, "-o", output, "--runtime", "keep")
    assert output.read_bytes() == built.read_bytes()
    run("repack", built, "-o", output)
    assert output.read_bytes() == built.read_bytes()


def test_a_new_prompt_around_the_same_weights(built: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    prompt = built.parent / "prompt.txt"
    prompt.write_text("You are Bob.\n")
    said = [
        "--name",
        "Bob",
        "--system-prompt",
        f"@{prompt}",
        "--greeting",
        "",
        "--starter",
        "How?",
        "--starter",
        "Who?",
    ]
    run("repack", built, "-o", output, *said, "--set", "ctx-size=512", "--unset", "seed", "--release", "2")
    before, after = whole(built), whole(output)
    assert weights(after) == weights(before)
    assert len(weights(after)) == 3
    assistant = after.manifest.assistant
    assert (assistant.name, assistant.system_prompt, assistant.greeting) == ("Bob", "You are Bob.", "")
    assert (assistant.starters, assistant.icon) == (("How?", "Who?"), "icon.svg")
    assert after.manifest.name == "Bob"
    assert {key: str(value) for key, value in after.manifest.defaults.items()} == {"temp": "0.5", "ctx-size": "512"}
    assert (after.manifest.models, after.manifest.adapters) == (before.manifest.models, before.manifest.adapters)
    out = capsys.readouterr().out
    assert out.startswith(f"{output}: ")
    assert "MB weights of mine + " in out


def test_weights_are_not_hashed(built: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = count_hashed(monkeypatch)
    run("repack", built, "-o", output, "--greeting", "Ahoy", "--runtime", "keep")
    assert hashed == []
    (built.parent / "new.gguf").write_bytes(gguf())
    run("build", built.parent / "new.gguf", "-o", output)
    assert sum(hashed) > 0


def count_hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by the size of whatever is hashed from now on."""
    hashed: list[int] = []
    updates = copying.Running.updates

    def counting(self: copying.Running) -> list[Callable[[bytes | memoryview], None]]:
        return [*updates(self), lambda data: hashed.append(len(data))]

    monkeypatch.setattr(copying.Running, "updates", counting)
    return hashed


def test_into_the_file_itself(built: Path) -> None:
    before = weights(Payload.open(built))
    other = built.stat().st_ino
    run("repack", built, "-o", built, "--greeting", "Ahoy")
    after = whole(built)
    assert (weights(after), after.manifest.assistant.greeting) == (before, "Ahoy")
    assert built.stat().st_ino != other  # what runs from the old one goes on
    assert [path.name for path in built.parent.iterdir()] == ["mine"]


def test_adapters_come_and_go(built: Path, output: Path, voice: Path) -> None:
    new = voice.with_name("new.gguf")
    shutil.copy(voice, new)
    run("repack", built, "-o", output, "--adapter", f"other={new}:0.25")
    assert [(each.name, each.scale) for each in whole(output).manifest.adapters] == [("voice", 0.5), ("other", 0.25)]
    run("repack", output, "-o", output, "--adapter", f"voice={new}:0.1")
    assert [(each.name, each.scale) for each in whole(output).manifest.adapters] == [("other", 0.25), ("voice", 0.1)]
    run("repack", output, "-o", output, "--remove-adapter", "voice", "--remove-adapter", "other")
    assert (whole(output).manifest.adapters, whole(output).by_role("adapter")) == ((), [])


def test_a_new_runtime_or_the_old_one(
    built: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "new")
    run("repack", built, "-o", output)
    kept = output.with_name("kept")
    run("repack", built, "-o", kept, "--runtime", "keep", "--greeting", "Ahoy")
    for path, age in ((output, "new"), (kept, "old")):
        payload = whole(path)
        code, image = payload.member("app/code.pyc"), payload.member("runtime.tar.zst")
        assert code is not None
        assert image is not None
        assert (payload.read(code), payload.read(image)) == (age.encode(), age.encode() * 1000)
        assert path.read_bytes().startswith(b"\x7fELF" + age.encode())
        assert payload.manifest.runtime["engine"]["recipe"] == age
        licenses = {member.path for member in payload.by_role("license")}
        assert {name for name in licenses if Path(name).stem in ("old", "new")} == {f"LICENSES/{age}.txt"}
        assert licenses >= {member.path for member in Payload.open(built).by_role("license")} - {"LICENSES/old.txt"}


def test_what_is_taken_away(built: Path, output: Path) -> None:
    run("repack", built, "-o", output, "--no-icon", "--no-starters", "--unset=--temp")
    manifest = whole(output).manifest
    assert (manifest.assistant.icon, manifest.assistant.starters) == ("", ())
    assert set(manifest.defaults) == {"seed"}
    assert whole(output).by_role("icon") == []


def test_weights_beside_it(
    built: Path, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = weights(Payload.open(built))
    run("repack", built, "-o", output, "--sidecar")
    assert weights(whole(output)) == before
    assert sorted(path.name for path in output.parent.iterdir()) == ["tiny", "tiny.weights"]
    with monkeypatch.context() as patched:
        hashed = count_hashed(patched)
        run("repack", output, "-o", output, "--greeting", "Ahoy", "--runtime", "keep")
    assert hashed == []
    assert whole(output).manifest.assistant.greeting == "Ahoy"
    assert weights(whole(output)) == before
    assert sorted(path.name for path in output.parent.iterdir()) == ["tiny", "tiny.weights"]
    again = output.with_name("again")
    run("repack", output, "-o", again, "--no-sidecar", "--greeting", "Hello")
    assert again.read_bytes() == built.read_bytes()
    capsys.readouterr()
    run("repack", output, "-o", output, "--no-sidecar")
    assert "`tiny.weights` beside it is not needed any more" in capsys.readouterr().err
    assert weights(whole(output)) == before


def test_a_signature_does_not_fit_any_more(built: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed(built, b"untrusted comment: x\n")
    run("repack", built, "-o", output, "--greeting", "Ahoy")
    assert "The signature of `mine` is left out" in capsys.readouterr().err
    assert whole(output).signature is None
    assert len(weights(whole(output))) == 3


def test_a_recipe_says_all_but_the_weights(built: Path, output: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "lmfile.toml"
    recipe.write_text(
        'name = "Eve"\n[assistant]\ngreeting = "Hi"\n[[model]]\nsource = "smollm2"\n[defaults]\ntemp = 1.0\n'
    )
    run("repack", built, "-o", output, "--recipe", recipe, "--greeting", "Hey")
    before, after = Payload.open(built), whole(output)
    assistant = after.manifest.assistant
    assert (assistant.name, assistant.greeting, assistant.system_prompt, assistant.icon) == ("Eve", "Hey", "", "")
    assert (after.manifest.models, after.manifest.adapters) == (before.manifest.models, ())
    assert set(after.manifest.defaults) == {"temp"}


def test_what_cannot_be(built: Path, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(capsys, "repack", built, "-o", output, "--remove-adapter", "vioce")
    assert (code, "it has no adapter `vioce`, but `voice`" in said) == (10, True)
    code, said = refused(capsys, "repack", built, "-o", output, "--unset", "top-k")
    assert (code, "no flag `top-k` is set in it, but `seed`, `temp`" in said) == (10, True)
    code, said = refused(capsys, "repack", built, "-o", output, "--runtime", "keep", "--target", "windows-x86_64")
    assert (code, "for linux-x86_64 alone" in said) == (10, True)
    code, said = refused(capsys, "repack", tmp_path / "none", "-o", output)
    assert (code, "no such file" in said) == (10, True)
    (tmp_path / "text").write_text("x")
    assert refused(capsys, "repack", tmp_path / "text", "-o", output)[0] == 30
    assert refused(capsys, "repack", built, "-o", tmp_path / "text")[0] == 10
    assert list(output.parent.iterdir()) == []


def test_an_adapter_that_does_not_fit_leaves_all_as_it_was(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = built.read_bytes()
    (tmp_path / "wrong.gguf").write_bytes(adapter())
    code, said = refused(capsys, "repack", built, "-o", built, "--adapter", tmp_path / "wrong.gguf")
    assert (code, "has no tensor" in said) == (26, True)
    assert (built.read_bytes(), [path.name for path in built.parent.iterdir()]) == (before, ["mine"])


def test_licences_of_weights_stay_and_the_publishers_are_replaced(built: Path, output: Path, tmp_path: Path) -> None:
    text = tmp_path / "TERMS.txt"
    text.write_text("first")
    run("repack", built, "-o", output, "--license", text)
    run("repack", output, "-o", output, "--greeting", "x")
    text.write_text("second")
    there = {member.path: member.sha256 for member in whole(output).by_role("license")}
    run("repack", output, "-o", output, "--license", text)
    found = {member.path: member.sha256 for member in whole(output).by_role("license")}
    assert found.keys() == there.keys()
    assert [path for path in found if found[path] != there[path]] == ["LICENSES/publisher/TERMS.txt"]
    assert {"LICENSES/models/chat.txt", "LICENSES/models/vectors.txt"} <= found.keys()


@pytest.mark.parametrize("runtime", ["new", "keep"])
def test_a_dry_run_says_what_would_be_packed(
    built: Path, output: Path, runtime: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = built.read_bytes()
    capsys.readouterr()
    run("repack", built, "-o", output, "--runtime", runtime, "--remove-adapter", "voice", "--dry-run", "--json")
    table = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in table["rows"]}
    member = Payload.open(built).member("models/chat.gguf")
    assert member is not None
    assert rows["models/chat.gguf"]["size_bytes"] == member.size
    assert (rows["models/chat.gguf"]["source"], rows["models/chat.gguf"]["role"]) == ("mine", "model")
    assert "adapters/voice.gguf" not in rows
    assert {"models/vectors.gguf", "icon.svg"} <= rows.keys()
    assert table["outputs"] == {"linux-x86_64": str(output)}
    assert list(output.parent.iterdir()) == []
    run("repack", built, "-o", built, "--runtime", runtime, "--greeting", "x", "--dry-run")
    out = capsys.readouterr().out
    assert "adapters/voice.gguf, from mine" in out
    assert "Nothing was done." in out
    assert built.read_bytes() == before


def test_what_is_told_of_models_stays(built: Path, output: Path) -> None:
    run("repack", built, "-o", output, "--greeting", "x")
    told = [json.loads(Payload.open(path).manifest.encode())["models"] for path in (built, output)]
    assert told[0] == told[1]
    assert told[0][0]["provenance"] == {"source": "chat.gguf"}
