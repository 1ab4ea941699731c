"""What the engine promises, in the short forms of tests/drivers: the long ones are run by `python -m tests.drivers`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler import peers
from tests.bench.servers import running
from tests.bench.texts import QUESTION
from tests.drivers import agreement, bad_inputs, deaths, disconnects, schemas, shapes
from tests.models import smollm2_gguf
from tests.prompts import PROMPTS
from tests.serving import Server, serving

EVERY = 9
"""23 of the 200 prompts."""
KILLS = 8
LEAVERS = 100
SCHEMAS = 12
N_CTX = 1024


@pytest.fixture(scope="module")
def batching(executable: Path, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with SmolLM2, one thread, many slots, and a folder for their states."""
    folder = str(tmp_path_factory.mktemp("slots"))
    with serving(executable, "-t", "1", "-np", str(shapes.BATCH), "--slot-save-path", folder, env=env) as server:
        yield server


def test_the_answers_are_llama_servers(batching: Server) -> None:
    with running("llama-server", agreement.peer(peers.peers() / "llama-server", smollm2_gguf())) as theirs:
        theirs.first_token(QUESTION)
        result = agreement.compare(batching.port, theirs.port, PROMPTS[::EVERY])
    assert result.passed, result


def test_an_answer_is_the_same_however_it_was_computed(batching: Server) -> None:
    result = shapes.compare(batching.port)
    assert not result.wrong, result


def test_the_same_shapes_give_the_same_bits(executable: Path, env: dict[str, str]) -> None:
    answers = []
    for _ in range(2):
        with serving(executable, "-t", "1", env=env) as server:
            answers.append(shapes.first_answer(server.port))
    assert answers[0] == answers[1]


def test_clients_that_leave_free_their_places(batching: Server) -> None:
    result = disconnects.disconnect_repeatedly(batching, LEAVERS)
    assert not result.wrong, result


def test_answers_follow_their_schemas(batching: Server) -> None:
    result = schemas.ask_with_schemas(batching.port, SCHEMAS)
    assert not result.wrong, result
    assert result.valid >= SCHEMAS - 2, result


def test_bad_requests_are_refused(executable: Path, env: dict[str, str]) -> None:
    with serving(executable, "-t", "1", "-c", str(N_CTX), env=env) as server:
        result = bad_inputs.send_all(server, N_CTX)
        result.wrong += bad_inputs.long_prompts(server, N_CTX)
    assert not result.wrong, result


def test_a_worker_that_dies_under_many_streams(executable: Path, env: dict[str, str]) -> None:
    with serving(executable, "-t", "1", *deaths.FLAGS, env=env) as server:
        result = deaths.kill_repeatedly(server, KILLS)
    assert (result.wrong, result.recovered) == ([], KILLS), result
