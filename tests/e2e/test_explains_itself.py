"""A finished executable explains itself: its papers are complete, its publisher signs it, and it starts as before."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.explain import components
from tests.conftest import BUILDER, PROJECT
from tests.running import Done, run


def lmfile(*arguments: object, cwd: Path = PROJECT) -> Done:
    environment = {**BUILDER, "PYTHONPATH": str(PROJECT)}
    return run([sys.executable, "-m", "bundler", *map(str, arguments)], env=environment, cwd=cwd)


def test_the_papers(tiny: Path, env: dict[str, str]) -> None:
    bill = json.loads(run([tiny, "--sbom"], env=env).out)
    assert bill == json.loads(lmfile("inspect", tiny, "--sbom").out)
    manifest = json.loads(run([tiny, "--manifest"], env=env).out)
    assert manifest == json.loads(lmfile("inspect", tiny, "--manifest").out)
    named = components.texts([*bill["components"], bill["metadata"]["component"]])
    there = {member["path"] for member in manifest["members"] if member["role"] == "license"}
    assert {f"LICENSES/{name}" for name in named} == there
    hashes = {member["path"]: member["sha256"] for member in manifest["members"]}
    for model in manifest["models"]:
        [row] = [row for row in bill["components"] if row["bom-ref"] == f"member:{model['path']}"]
        assert row["hashes"] == [{"alg": "SHA-256", "content": hashes[model["path"]]}]
    for texts in (run([tiny, "--licenses"], env=env).out, lmfile("inspect", tiny, "--licenses").out):
        assert all(f"\n{path.removeprefix('LICENSES/')}\n=====" in texts for path in there)


def test_signed_it_starts_as_before(tiny: Path, tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "mine"
    shutil.copy(tiny, file)
    assert lmfile("sign", "--generate", "ada", "--no-password", cwd=tmp_path).status == 0
    assert lmfile("sign", file, "--key", tmp_path / "ada.key").status == 0
    done = lmfile("verify", file, "--key", tmp_path / "ada.pub")
    assert (done.status, "signed with the key" in done.out) == (0, True), done
    assert run([file, "--verify"], env=env).status == 0
    assert run([file, "--version"], env=env).out == run([tiny, "--version"], env=env).out
    assert lmfile("extract", file, "manifest.json", "signature.minisig", "-o", tmp_path / "taken").status == 0
    command = ["minisign", "-V", "-p", tmp_path / "ada.pub", "-m", "manifest.json", "-x", "signature.minisig"]
    done = run(command, cwd=tmp_path / "taken")
    assert done.status == 0, done
    taken = subprocess.run(["unzip", "-p", file, "manifest.json"], capture_output=True, timeout=60, check=False).stdout
    assert taken == (tmp_path / "taken" / "manifest.json").read_bytes()


@pytest.mark.parametrize("offset", [100, -300])
def test_a_changed_byte_under_a_signature(tiny: Path, tmp_path: Path, offset: int) -> None:
    file = tmp_path / "mine"
    shutil.copy(tiny, file)
    lmfile("sign", "--generate", "ada", "--no-password", cwd=tmp_path)
    lmfile("sign", file, "--key", tmp_path / "ada.key")
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)
    done = lmfile("verify", file, "--key", tmp_path / "ada.pub")
    assert (done.status, done.out) == (30, "")
