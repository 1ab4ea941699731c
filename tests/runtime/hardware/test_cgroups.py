"""Limits of control groups, read from trees as version 1 and 2 lay them out."""

from pathlib import Path

import pytest

from runtime.hardware import cgroups

UNLIMITED_V1 = "9223372036854771712"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_version_2_takes_the_tightest_of_group_and_parents(tmp_path: Path) -> None:
    mount = tree(tmp_path / "cgroup", {
        "a/memory.max": "4000000",
        "a/memory.current": "3000000",
        "a/memory.stat": "anon 1\ninactive_file 500000\nactive_file 200000",
        "a/b/memory.max": "max",
        "a/b/memory.current": "100",
        "a/cpu.max": "max 100000",
        "a/b/cpu.max": "150000 100000",
    })  # fmt: skip
    proc = tree(tmp_path, {"proc": "0::/a/b"}) / "proc"
    assert cgroups.memory_limit_bytes(mount, proc) == 4_000_000
    assert cgroups.memory_room_bytes(mount, proc) == 4_000_000 - 3_000_000 + 700_000
    assert cgroups.cpu_quota(mount, proc) == 1.5


def test_version_1(tmp_path: Path) -> None:
    mount = tree(tmp_path / "cgroup", {
        "memory/memory.limit_in_bytes": UNLIMITED_V1,
        "memory/job/memory.limit_in_bytes": "1000000",
        "memory/job/memory.usage_in_bytes": "900000",
        "memory/job/memory.stat": "inactive_file 1\ntotal_inactive_file 100000\ntotal_active_file 50000",
        "cpu,cpuacct/cpu.cfs_quota_us": "50000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    })  # fmt: skip
    proc = tree(tmp_path, {"proc": "4:memory:/job\n1:cpu,cpuacct:/\n0::/"}) / "proc"
    assert cgroups.memory_limit_bytes(mount, proc) == 1_000_000
    assert cgroups.memory_room_bytes(mount, proc) == 250_000
    assert cgroups.cpu_quota(mount, proc) == 0.5


def test_a_container_shows_its_own_group_as_the_root(tmp_path: Path) -> None:
    mount = tree(tmp_path / "cgroup", {"memory.max": "5000", "memory.current": "1000", "memory.stat": ""})
    proc = tree(tmp_path, {"proc": "0::/system.slice/docker-123.scope"}) / "proc"
    assert cgroups.memory_room_bytes(mount, proc) == 4000


@pytest.mark.parametrize("lines", ["", "0::/", "nonsense", "9:name=systemd:/\n4:memory:/x"])
def test_no_limit(tmp_path: Path, lines: str) -> None:
    mount = tree(tmp_path / "cgroup", {"memory.max": "max", "cpu.max": "max 100000", "cpu.cfs_quota_us": "-1"})
    proc = tree(tmp_path, {"proc": lines}) / "proc"
    assert cgroups.memory_limit_bytes(mount, proc) is None
    assert cgroups.memory_room_bytes(mount, proc) is None
    assert cgroups.cpu_quota(mount, proc) is None


def test_a_group_that_is_over_its_limit_has_no_room(tmp_path: Path) -> None:
    mount = tree(tmp_path / "cgroup", {"memory.max": "5000", "memory.current": "9000"})
    proc = tree(tmp_path, {"proc": "0::/"}) / "proc"
    assert cgroups.memory_room_bytes(mount, proc) == 0


def test_without_control_groups(tmp_path: Path) -> None:
    assert cgroups.memory_room_bytes(tmp_path / "none", tmp_path / "none") is None
