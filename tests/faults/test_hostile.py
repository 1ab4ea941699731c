"""Clients that mean harm, in the short forms of tests/drivers: the long ones are run by `python -m tests.drivers`."""

from pathlib import Path

from tests.drivers import hostile, mutants
from tests.serving import Server, serving

TURNS, OF_EACH, READERS = 20, 100, 20
MUTANTS = 300
MAX_RATIO = 3.0
"""The long form asks for less on a computer with nothing else to do."""


def test_an_honest_client_among_hostile_ones(server: Server) -> None:
    result = hostile.besiege(server, TURNS, OF_EACH, READERS, to_the_end=False)
    assert not result.wrong, result
    assert result.ratio <= MAX_RATIO, result
    before, after = result.descriptors
    assert after <= before, result


def test_damaged_requests_of_every_dialect(executable: Path, env: dict[str, str]) -> None:
    with serving(executable, "-t", "1", *mutants.FLAGS, env=env) as server:
        result = mutants.send_all(server, MUTANTS)
    assert not result.wrong, result
    assert result.statuses[200] > MUTANTS / 20, result
