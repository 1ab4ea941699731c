"""The control of threads, with clocks that stand still until a test moves them."""

from runtime.engine.backends.llama_threads import MAX_RETRY_S, RETRY_S, WINDOW_S, ThreadControl


class Machine:
    """A computer with some processors that others leave alone."""

    def __init__(self, n_most: int, free: float) -> None:
        self.free = free
        self.now_s = self.cpu_s = 0.0
        self.used: list[int] = []
        self.n_pulls = 0
        self.control = ThreadControl(self.used.append, self.pull, n_most, lambda: self.now_s, lambda: self.cpu_s)

    def pull(self) -> None:
        self.n_pulls += 1

    def compute(self, for_s: float) -> None:
        self.control.begin()
        self.pass_time(for_s)
        self.control.end()

    def pass_time(self, for_s: float) -> None:
        self.now_s += for_s
        self.cpu_s += for_s * min(self.control.n_threads, self.free)

    def steps(self, n: int, step_s: float = 0.01) -> None:
        for _ in range(n):
            self.compute(step_s)


def test_alone_all_threads_stay() -> None:
    machine = Machine(4, free=4.0)
    machine.steps(1000)
    assert machine.used == [4]


def test_a_reader_of_the_stream_is_no_reason() -> None:
    machine = Machine(2, free=1.85)
    machine.steps(1000)
    assert machine.used == [2]


def test_a_busy_processor_costs_a_thread() -> None:
    machine = Machine(2, free=1.4)
    machine.steps(10)
    assert machine.used == [2, 1]


def test_as_many_threads_go_as_processors_are_lost() -> None:
    machine = Machine(16, free=13.2)
    machine.steps(10)
    assert machine.used[:2] == [16, 13]


def test_all_are_tried_again_less_and_less_often() -> None:
    machine = Machine(2, free=1.0)
    machine.steps(10_000)
    assert machine.control.n_threads == 1
    n_tries = machine.used.count(2) - 1
    assert 100 / MAX_RETRY_S - 2 <= n_tries <= 100 / MAX_RETRY_S + 8


def test_all_come_back_when_they_are_free() -> None:
    machine = Machine(2, free=1.0)
    machine.steps(10)
    machine.free = 2.0
    machine.steps(round(RETRY_S / 0.01) + 10)
    assert machine.used == [2, 1, 2]
    machine.steps(1000)
    assert machine.used == [2, 1, 2]


def test_a_pause_between_computations_is_no_loss() -> None:
    machine = Machine(2, free=2.0)
    for _ in range(100):
        machine.compute(0.01)
        machine.now_s += 5.0
    assert machine.used == [2]


def test_one_thread_is_never_less() -> None:
    machine = Machine(1, free=0.1)
    machine.steps(1000)
    assert machine.used == [1]


def test_a_long_computation_is_stopped_in_its_first_moments() -> None:
    machine = Machine(2, free=1.0)
    machine.control.begin()
    machine.pass_time(WINDOW_S / 2)
    machine.control.look()
    assert machine.n_pulls == 0
    machine.pass_time(WINDOW_S)
    machine.control.look()
    assert machine.n_pulls == 1
    machine.control.end()
    assert machine.used == [2, 1]


def test_a_long_computation_goes_on_when_it_is_alone_or_far_gone() -> None:
    alone = Machine(2, free=2.0)
    alone.control.begin()
    for _ in range(100):
        alone.pass_time(WINDOW_S)
        alone.control.look()
    far_gone = Machine(2, free=2.0)
    far_gone.control.begin()
    far_gone.pass_time(WINDOW_S * 20)
    far_gone.free = 0.1
    far_gone.pass_time(WINDOW_S * 100)
    far_gone.control.look()
    assert (alone.n_pulls, far_gone.n_pulls) == (0, 0)


def test_nothing_is_stopped_between_computations() -> None:
    machine = Machine(2, free=1.0)
    machine.control.look()
    machine.control.end()
    assert (machine.n_pulls, machine.used) == (0, [2])
