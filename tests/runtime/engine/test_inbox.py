"""The inbox: first come first served, bounded, cancel in every state."""

from threading import Thread

from runtime.engine.inbox import Inbox
from runtime.engine.protocol import Generate


def request(number: int) -> Generate:
    return Generate(id=number, prompt="x")


def test_requests_come_in_order() -> None:
    inbox = Inbox(4)
    assert all(inbox.submit(request(number)) for number in (1, 2))
    first = inbox.take()
    assert first == inbox.take() == inbox.current == request(1)
    inbox.done()
    assert inbox.take() == request(2)


def test_the_queue_is_bounded_and_the_current_request_does_not_count() -> None:
    inbox = Inbox(1)
    assert inbox.submit(request(1))
    assert not inbox.submit(request(2))
    inbox.take()
    assert inbox.submit(request(3))


def test_cancel_takes_a_waiting_request_out() -> None:
    inbox = Inbox(2)
    inbox.submit(request(1))
    assert inbox.cancel(1) == request(1)
    assert inbox.cancel(1) is None
    assert inbox.drain() == []


def test_cancel_stops_the_current_computation_and_only_that() -> None:
    inbox, calls = Inbox(2), []
    inbox.attach(lambda: calls.append("interrupt"), lambda: calls.append("resume"))
    inbox.submit(request(1))
    inbox.take()
    inbox.cancel(7)
    assert (calls, inbox.is_cancelled) == (["resume"], False)
    inbox.cancel(1)
    assert (calls, inbox.is_cancelled) == (["resume", "interrupt"], True)
    inbox.take()
    assert calls == ["resume", "interrupt"], "the computation of a cancelled request must not go on"
    inbox.done()
    inbox.submit(request(2))
    inbox.take()
    assert (calls[-1], inbox.is_cancelled) == ("resume", False)


def test_stop_wakes_whoever_waits() -> None:
    inbox, taken = Inbox(2), []
    waiting = Thread(target=lambda: taken.append(inbox.take()))
    waiting.start()
    inbox.stop()
    waiting.join(5)
    assert taken == [None]


def test_a_submit_wakes_whoever_waits() -> None:
    inbox, taken = Inbox(2), []
    waiting = Thread(target=lambda: taken.append(inbox.take()))
    waiting.start()
    inbox.submit(request(1))
    waiting.join(5)
    assert taken == [request(1)]
