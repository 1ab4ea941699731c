"""The inbox: in order of arrival, bounded, and quick to stop what nobody waits for."""

from threading import Thread

from runtime.engine.inbox import Inbox
from runtime.engine.protocol import Cancel, Generate


def request(number: int) -> Generate:
    return Generate(id=number, prompt="x")


def test_requests_come_in_order_and_once() -> None:
    inbox = Inbox(4)
    assert all(inbox.submit(request(number)) for number in (1, 2))
    assert inbox.has_arrived
    assert inbox.take(wait=True) == [request(1), request(2)]
    assert not inbox.has_arrived
    assert inbox.take(wait=False) == []


def test_the_queue_is_bounded_and_what_has_begun_does_not_count() -> None:
    inbox = Inbox(1)
    assert inbox.submit(request(1))
    inbox.take(wait=True)
    assert not inbox.submit(request(2)), "taken is not begun"
    inbox.begun()
    assert inbox.submit(request(3))
    assert not inbox.submit(request(4))


def test_what_had_to_make_room_waits_beyond_the_bound() -> None:
    inbox = Inbox(1)
    inbox.submit(request(1))
    inbox.begun()
    inbox.submit(request(2))
    inbox.waits_again()
    inbox.begun()
    assert not inbox.submit(request(3))
    inbox.begun()
    assert inbox.submit(request(3))


def test_a_cancel_comes_behind_its_request() -> None:
    inbox = Inbox(2)
    inbox.submit(request(1))
    inbox.cancel(1)
    assert inbox.take(wait=True) == [request(1), Cancel(1)]


def test_a_computation_is_stopped_when_all_it_is_for_are_cancelled() -> None:
    inbox, stopped = Inbox(2), []
    inbox.attach(lambda: stopped.append(True))
    inbox.computing({1, 2})
    inbox.cancel(7)
    inbox.cancel(2)
    assert not stopped
    inbox.cancel(1)
    assert stopped


def test_stop_is_seen_while_others_compute() -> None:
    inbox, stopped = Inbox(2), []
    inbox.attach(lambda: stopped.append(True))
    inbox.stop()
    assert inbox.has_arrived and stopped
    assert inbox.take(wait=False) is None
    assert inbox.take(wait=True) is None


def test_stop_wakes_whoever_waits() -> None:
    inbox, taken = Inbox(2), []
    waiting = Thread(target=lambda: taken.append(inbox.take(wait=True)))
    waiting.start()
    inbox.stop()
    waiting.join(5)
    assert taken == [None]


def test_a_submit_wakes_whoever_waits() -> None:
    inbox, taken = Inbox(2), []
    waiting = Thread(target=lambda: taken.append(inbox.take(wait=True)))
    waiting.start()
    inbox.submit(request(1))
    waiting.join(5)
    assert taken == [[request(1)]]


def test_waiting_has_a_limit() -> None:
    assert Inbox(1).take(wait=True, timeout_s=0.01) == []
