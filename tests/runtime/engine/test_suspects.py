"""Requests that killed a worker: what is remembered, and what a death means for each request."""

import asyncio
from typing import Any

import msgspec

from runtime.engine.inflight import MAX_SENDS, Inflight
from runtime.engine.protocol import Admitting, Delta, Embed, Embedded, Failed, Generate, Sampling, Started, Tokenize
from runtime.engine.suspects import MAX_REMEMBERED, Suspects


def asked(number: int, prompt: str = "kill", **more: Any) -> Generate:
    return Generate(id=number, prompt=prompt, **more)


def began(number: int) -> Started:
    return Started(id=number, prompt="", n_prompt=1, n_cached=0)


def test_two_deaths_are_needed_and_the_id_does_not_matter() -> None:
    suspects = Suspects()
    suspects.blame(asked(1))
    assert not suspects.refuses(asked(2))
    suspects.blame(asked(3, sampling=Sampling(seed=7)))
    assert suspects.refuses(asked(4))
    assert not suspects.refuses(asked(4, "another"))
    assert not suspects.refuses(asked(4, max_tokens=5))


def test_an_answer_clears_the_suspicion() -> None:
    suspects = Suspects()
    for _ in range(5):
        suspects.blame(asked(1))
        suspects.clear(asked(2))
    assert not suspects.refuses(asked(3))


def test_the_oldest_are_forgotten_and_no_prompt_is_kept() -> None:
    suspects = Suspects()
    for number in range(MAX_REMEMBERED + 1):
        for _ in range(2):
            suspects.blame(asked(1, f"secret {number}"))
    assert not suspects.refuses(asked(1, "secret 0"))
    assert suspects.refuses(asked(1, f"secret {MAX_REMEMBERED}"))
    assert b"secret" not in repr(vars(suspects)).encode()
    assert len(suspects._deaths) == MAX_REMEMBERED


def test_only_one_request_can_be_the_suspect() -> None:
    async def steps() -> None:
        requests = Inflight()
        for number in (1, 2, 3):
            requests.add(asked(number))
        assert requests.suspect() is None
        requests.take(began(1))
        assert requests.suspect() == asked(1)
        requests.take(began(2))
        assert requests.suspect() is None
        requests.take(Admitting(id=3))
        assert requests.suspect() == asked(3)

    asyncio.run(steps())


def test_what_a_death_ends_and_what_survives() -> None:
    async def steps() -> None:
        requests = Inflight()
        pending = {number: requests.add(asked(number)) for number in (1, 2, 3, 4)}
        requests.take(began(1))
        requests.take(Admitting(id=2))
        pending[4].n_sends = MAX_SENDS
        requests.orphan("it fell over")
        assert [one.request.id for one in requests.waiting()] == [3]
        for number in (1, 2, 4):
            *_, last = (pending[number].events.get_nowait() for _ in range(pending[number].events.qsize()))
            assert last == Failed(id=number, kind="died", message="it fell over")
        requests.fail("nobody comes")
        assert len(requests) == 0

    asyncio.run(steps())


def test_events_for_nobody_are_ignored() -> None:
    async def steps() -> None:
        requests = Inflight()
        request = Embed(id=1, inputs=["a"])
        pending = requests.add(request)
        assert requests.take(Delta(id=9, text="x")) is None
        assert requests.take(Embedded(id=1, vectors=[], n_tokens=[])) == request
        assert pending.events.qsize() == 1
        assert requests.remove(request) is False

    asyncio.run(steps())


def test_every_request_has_an_identity_without_its_id() -> None:
    suspects = Suspects()
    for request in (asked(1), Embed(id=1, inputs=["a"])):
        suspects.blame(request)
        suspects.blame(msgspec.structs.replace(request, id=2))
        assert suspects.refuses(msgspec.structs.replace(request, id=3))


def test_what_is_answered_beside_the_others_is_no_likelier_suspect() -> None:
    async def steps() -> None:
        requests = Inflight()
        requests.add(Tokenize(id=1, content="kill"))
        requests.add(asked(2))
        requests.take(Admitting(id=1))
        assert requests.suspect() == Tokenize(id=1, content="kill")
        requests.take(began(2))
        assert requests.suspect() is None
        assert [pending.request.id for pending in requests.waiting()] == []

    asyncio.run(steps())
