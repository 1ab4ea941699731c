"""Damaged weights of every kind: 100 of each here, 1,000 in `make proofs` (tests/drivers/mutated_files.py)."""

from pathlib import Path

import pytest

from bundler.analysis import builder_target
from bundler.engine import engine
from tests.drivers.mutated_files import KINDS

COUNT = 100


@pytest.fixture(scope="session")
def native() -> Path:
    """The engine, out of the builder's usual cache."""
    return engine(builder_target())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_false_is_refused_and_what_is_not_does_no_harm(kind: str, tmp_path: Path, native: Path) -> None:
    outcome = KINDS[kind](tmp_path, COUNT, native)
    assert outcome.wrong == []
    assert outcome.refused.total() >= COUNT / 10
    assert outcome.refused.total() + outcome.accepted.total() >= COUNT
