"""Asked the same, our executable and llama-server answer in the same form: status, type of error, fields.

What differs is listed in deviations.toml with a reason, and nothing else may be listed there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bundler import peers
from tests.differential.both import started
from tests.differential.deviations import Deviations, listed
from tests.differential.outline import Outline
from tests.differential.requests import Asked, every
from tests.models import smollm2_gguf

REQUESTS = every()
Answers = Mapping[str, tuple[Outline, Outline]]


@pytest.fixture(scope="module")
def answers(executable: Path, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """Our answer and theirs to each request, by its name."""
    folder = tmp_path_factory.mktemp("slots")
    with started(executable, env, peers.peers() / "llama-server", smollm2_gguf(), folder) as both:
        yield {asked.name: both.ask(asked) for asked in REQUESTS}


@pytest.fixture(scope="module")
def deviations() -> Deviations:
    return listed()


def test_there_are_enough_requests() -> None:
    assert len({asked.name for asked in REQUESTS}) == len(REQUESTS) >= 150


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: asked.name)
def test_both_answer_alike(asked: Asked, answers: Answers, deviations: Deviations) -> None:
    assert deviations.unlisted(asked.name, *answers[asked.name]) == []


def test_no_listed_deviation_is_gone(answers: Answers, deviations: Deviations) -> None:
    assert deviations.gone(answers) == []
