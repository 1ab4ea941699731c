"""Two builds of one recipe are identical, byte for byte: whoever builds them, where and when.

The second one comes from a copy of the checkout with other dates, under another clock, in another time
zone and language, with another umask. What takes minutes (engine, interpreter, downloads) is shared;
our code, the page, the digests and the container are made anew. Launcher and image have tests of their own.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import BUILDER, PROJECT, build
from tests.questions import TINY_MODEL
from tests.running import run

MADE_ANEW = {"app", "digests", "logs"}
CLOCK = "2033-03-03 03:33:33"
OLD = 1_000_000_000


def copied_checkout(place: Path) -> Path:
    """A copy of the files that git knows or would add, dated 2001."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target)
            os.utime(target, (OLD, OLD))
    return place


def builder_cache(place: Path) -> Path:
    """A builder's cache that shares with the usual one what is expensive."""
    usual = Path(
        BUILDER.get("LMFILE_CACHE") or Path(BUILDER.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lmfile"
    )
    place.mkdir()
    for kind in usual.iterdir():
        if kind.name not in MADE_ANEW:
            (place / kind.name).symlink_to(kind)
    return place


def test_two_builds_are_identical(tiny: Path, tmp_path: Path) -> None:
    checkout = copied_checkout(tmp_path / "another place, été")
    elsewhere = {
        "LMFILE_CACHE": str(builder_cache(tmp_path / "cache")),
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    model, output = tmp_path / TINY_MODEL.name, tmp_path / "out" / "another name"
    shutil.copyfile(TINY_MODEL, model)
    os.utime(model, (OLD, OLD))
    script = 'umask 077; exec faketime "$@"'
    command = ["sh", "-c", script, "sh", CLOCK, sys.executable, "-m", "bundler", "build", model, "-o", output]
    done = run(command, env={**BUILDER, **elsewhere}, cwd=checkout, timeout_s=250)
    assert done.status == 0, done
    assert filecmp.cmp(tiny, output, shallow=False)
    assert output.stat().st_mode & 0o111


def test_the_time_of_a_build_is_told_and_nothing_else(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bundler", "build", TINY_MODEL, "-o", tmp_path / "dated"]
    done = run(command, env={**BUILDER, "SOURCE_DATE_EPOCH": str(OLD)}, cwd=PROJECT)
    assert done.status == 0, done
    assert not filecmp.cmp(tiny, tmp_path / "dated", shallow=False)
    build(TINY_MODEL, tmp_path / "again")
    assert filecmp.cmp(tiny, tmp_path / "again", shallow=False)
