"""Damaged requests, the same ones every time: each gets an answer below 500, and none leaves anything behind."""

import http.client
import json
import random

import pytest

from tests.drivers import mutants
from tests.drivers.mutants import damaged_bytes, damaged_value
from tests.runtime.server.live import WAIT_S, Live, eventually

N_VALUES = 1500
N_BYTES = 700
PATHS = {"/v1/chat/completions", "/v1/completions", "/completion"}
SEEDS = [(path, good) for _, path, good in mutants.SEEDS if path in PATHS]


def send(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status != 200:
        assert set(json.loads(answer)) == {"error"}
    return reply.status


@pytest.mark.parametrize("seed", range(3))
def test_damaged_requests(server: Live, seed: int) -> None:
    dice = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    statuses = []
    for number in range(N_VALUES + N_BYTES):
        path, good = SEEDS[number % len(SEEDS)]
        if number < N_VALUES:
            damaged = good
            for _ in range(dice.randint(1, 3)):
                damaged = damaged_value(dice, damaged)
            body = json.dumps(damaged).encode()
        else:
            body = damaged_bytes(dice, json.dumps(good).encode())
        statuses.append(send(connection, path, body))
    connection.close()
    assert set(statuses) == {200, 400}
    assert statuses.count(400) > len(statuses) / 3
    assert server.engine.cancelled == []
    assert eventually(lambda: server.get("/health").status == 200)
