"""Sets of adapters for each sequence of a batch, against the same sets applied to a whole context."""

import math
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.adapters.peft import convert
from runtime.engine.backends.llama_model import LoadedModel
from runtime.gguf import reader
from tests.gguf_writer import F32, STRING, Tensor, Value, gguf
from tests.models import smollm2_gguf
from tests.questions import TINY_MODEL
from tests.runtime.engine.stacked import N_SEQUENCES, Adapter, Run, Stack, load, load_adapter
from tests.synthetic_lora import RANK, TARGETS, synthetic_loras

REAL = Path(__file__).resolve().parents[2] / "data" / "adapters"
ALL_LINEAR = (*TARGETS, "ffn_gate", "ffn_up", "ffn_down")

TOLERANCE = 1e-3
"""Of the range of logits: the scaled weights of a stack are rounded to F16."""
CHAOS = 0.08
"""The same where the model is quantized: its activations are rounded to 8 bits, and the smallest change moves some."""

INVALID, NOT_HELD, RANK_TOO_HIGH, OUT_OF_RANGE = -1, -2, -3, -4

PROMPT = [404, 365, 282, 386, 314, 260, 137, 28, 284, 314, 343]
NEXT = [265, 30, 198]


class Bench:
    """A model with adapters; `strength` is the scale at which they matter."""

    def __init__(self, path: Path, files: list[Path], strength: float = 1.0) -> None:
        self.model = load(path)
        self._strength = strength
        self.adapters = [load_adapter(self.model, file) for file in files]

    def adapter(self, number: int, scale: float = 1.0) -> Adapter:
        """One of them at some scale."""
        return self.adapters[number], scale * self._strength


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A model of F16, whose numbers depend little on rounding, with adapters for all linear layers."""
    files = synthetic_loras(TINY_MODEL, tmp_path_factory.mktemp("adapters"), N_SEQUENCES, ALL_LINEAR)
    return Bench(TINY_MODEL, files, strength=40.0)


@pytest.fixture
def stack(bench: Bench) -> Iterator[Stack]:
    """A stack with a slot for each sequence, beside the empty one."""
    made = Stack(bench.model, N_SEQUENCES + 1, 2 * RANK)
    yield made
    made.free()


@pytest.fixture
def run(bench: Bench, stack: Stack) -> Iterator[Run]:
    """A context that computes with the stack."""
    made = Run(bench.model, stack=stack)
    yield made
    made.close()


def tell(run: Run, sequence: int = 0) -> "list[array[float]]":
    """A prompt and some steps of one sequence."""
    return [run.decode({sequence: PROMPT})[sequence], *(run.decode({sequence: [token]})[sequence] for token in NEXT)]


def expected(model: LoadedModel, *adapters: Adapter) -> "list[array[float]]":
    """The same with a context that has the adapters for everything."""
    run = Run(model, *adapters)
    logits = tell(run)
    run.close()
    return logits


def difference(found: "list[array[float]]", right: "list[array[float]]") -> float:
    """The largest difference, relative to the range of logits."""
    return max(
        max(abs(x - y) for x, y in zip(one, other, strict=True)) / (max(other) - min(other))
        for one, other in zip(found, right, strict=True)
    )


def test_sequences_of_one_batch_have_sets_of_their_own(bench: Bench, stack: Stack, run: Run) -> None:
    sets: list[tuple[Adapter, ...]] = [(bench.adapter(number, 1.5),) for number in range(N_SEQUENCES)]
    sets[2:4] = [(), (bench.adapter(0, 0.7), bench.adapter(1, -2.4))]
    for sequence, adapters in enumerate(sets):
        slot = N_SEQUENCES - sequence
        assert stack.set(slot, *adapters) == 0
        assert run.assign(sequence, slot) == 0
    found = [run.decode(dict.fromkeys(range(N_SEQUENCES), PROMPT))]
    found += [run.decode({one: [token] for one in range(N_SEQUENCES)}) for token in NEXT]
    for sequence, adapters in enumerate(sets):
        own = [logits[sequence] for logits in found]
        assert difference(own, expected(bench.model, *adapters)) < TOLERANCE, sequence


def test_trained_adapters_of_a_quantized_model(tmp_path: Path) -> None:
    path, files = smollm2_gguf(), []
    for name in ("pirate", "robot"):
        files.append(tmp_path / f"{name}.gguf")
        with files[-1].open("wb") as output:
            convert(REAL / name, reader.read(path), output)
    bench = Bench(path, files)
    pirate, robot = bench.adapter(0), bench.adapter(1)
    stack = Stack(bench.model, 4, RANK)
    run = Run(bench.model, stack=stack)
    sets: list[tuple[Adapter, ...]] = [(), (pirate,), (robot,), ((pirate[0], 0.5), (robot[0], 0.5))]
    for number, adapters in enumerate(sets[1:], 1):
        assert stack.set(number, *adapters) == 0
        assert run.assign(number, number) == 0
    found = run.decode(dict.fromkeys(range(len(sets)), PROMPT))
    for number, adapters in enumerate(sets):
        assert difference([found[number]], [expected(bench.model, *adapters)[0]]) < CHAOS, number
    assert difference([found[1]], [found[0]]) > 4 * CHAOS
    run.close()
    stack.free()


def test_many_tokens_of_several_sequences(bench: Bench, stack: Stack, run: Run) -> None:
    texts = {sequence: [7 + 3 * sequence + token % 400 for token in range(60)] for sequence in range(3)}
    stack.set(1, bench.adapter(0, 1.5))
    stack.set(2, bench.adapter(1, 1.5))
    run.assign(0, 1)
    run.assign(2, 2)
    found = run.decode(texts)
    for sequence, adapters in enumerate([(bench.adapter(0, 1.5),), (), (bench.adapter(1, 1.5),)]):
        other = Run(bench.model, *adapters)
        assert difference([found[sequence]], [other.decode({0: texts[sequence]})[0]]) < TOLERANCE, sequence
        other.close()


@pytest.mark.parametrize("scale", [1.0, 0.7, -2.3])
def test_a_scale_is_that_of_a_context(bench: Bench, stack: Stack, run: Run, scale: float) -> None:
    assert stack.set(1, bench.adapter(0, scale)) == 0
    run.assign(0, 1)
    right = expected(bench.model, bench.adapter(0, scale))
    assert difference(tell(run), right) < TOLERANCE
    assert difference(expected(bench.model), right) > 20 * TOLERANCE


def test_without_a_set_the_bits_are_those_of_the_model(bench: Bench, stack: Stack, run: Run) -> None:
    right = expected(bench.model)
    assert tell(run) == right
    assert stack.set(1, bench.adapter(0)) == 0
    run.assign(1, 1)
    tell(run, sequence=1)
    other = Run(bench.model, stack=stack)
    assert tell(other) == right
    other.close()


def test_a_neighbours_set_changes_nothing(bench: Bench, stack: Stack, run: Run) -> None:
    stack.set(1, bench.adapter(1))
    stack.set(2, bench.adapter(0))
    stack.set(3, bench.adapter(0, 4.0))
    run.assign(1, 1)
    run.assign(2, 2)
    before = run.decode({0: PROMPT, 1: PROMPT, 2: PROMPT})
    other = Run(bench.model, stack=stack)
    other.assign(1, 1)
    other.assign(2, 3)
    after = other.decode({0: PROMPT, 1: PROMPT, 2: PROMPT})
    other.close()
    assert (before[0], before[1]) == (after[0], after[1])
    assert before[2] != after[2]
    assert difference([before[0]], [expected(bench.model)[0]]) < TOLERANCE


def test_a_slot_is_replaced_and_emptied(bench: Bench, stack: Stack, run: Run) -> None:
    run.assign(0, 1)
    run.assign(1, 1)
    run.assign(2, 1)
    stack.set(1, bench.adapter(1))
    assert difference(tell(run, 0), expected(bench.model, bench.adapter(1))) < TOLERANCE
    stack.set(1, bench.adapter(0))
    assert difference(tell(run, 1), expected(bench.model, bench.adapter(0))) < TOLERANCE
    assert stack.set(1) == 0
    assert difference(tell(run, 2), expected(bench.model)) < TOLERANCE


def test_an_assignment_changes_between_steps(bench: Bench, stack: Stack, run: Run) -> None:
    stack.set(1, bench.adapter(0))
    stack.set(2, bench.adapter(1))
    run.assign(0, 1)
    first = tell(run)
    run.assign(0, 2)
    assert run.decode({0: NEXT})[0]
    run.assign(1, 2)
    assert difference(tell(run, 1), expected(bench.model, bench.adapter(1))) < TOLERANCE
    run.assign(2, 1)
    assert tell(run, 2) == first


def test_only_a_new_weight_changes_the_graph(
    bench: Bench, stack: Stack, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """llama.cpp writes into its log when it reserves memory for its graphs."""
    (attention,) = synthetic_loras(TINY_MODEL, tmp_path, 1, TARGETS)
    run = Run(bench.model)
    run.decode({0: PROMPT})
    changes: list[Callable[[], int]] = [
        lambda: run.use(stack),
        lambda: stack.set(1, (load_adapter(bench.model, attention), 1.0)),
        lambda: run.assign(0, 1),
        lambda: run.assign(1, 1),
        lambda: stack.set(2, bench.adapter(1)),
        lambda: run.assign(0, 2),
        lambda: stack.set(1, bench.adapter(3), bench.adapter(2)),
        lambda: stack.set(1),
        lambda: run.assign(0, 0),
    ]
    reserved = []
    for change in changes:
        capfd.readouterr()
        assert change() == 0
        run.decode({0: NEXT, 1: NEXT})
        reserved.append(capfd.readouterr().err.count("reserving ..."))
    run.close()
    assert reserved == [1, 1, 0, 0, 1, 0, 0, 0, 0]


def test_a_context_s_own_adapters_are_added(bench: Bench, stack: Stack) -> None:
    stack.set(1, bench.adapter(1, 0.5))
    both = Run(bench.model, bench.adapter(0, 0.5), stack=stack)
    both.assign(0, 1)
    right = expected(bench.model, bench.adapter(0, 0.5), bench.adapter(1, 0.5))
    assert difference(tell(both), right) < TOLERANCE
    assert both.use(None) == 0
    assert difference(tell(both, 1), expected(bench.model, bench.adapter(0, 0.5))) == 0.0
    both.close()


def test_the_ranks_of_a_set_have_to_fit(bench: Bench, stack: Stack, run: Run) -> None:
    noise = [bench.adapter(number, 1.5) for number in range(3)]
    assert stack.set(1, *noise[:2]) == 0
    run.assign(0, 1)
    assert stack.set(1, *noise) == RANK_TOO_HIGH
    assert difference(tell(run), expected(bench.model, *noise[:2])) < TOLERANCE


def test_what_a_stack_cannot_hold_is_refused(bench: Bench, stack: Stack, tmp_path: Path) -> None:
    embeddings = write_adapter(tmp_path / "embeddings.gguf", "token_embd.weight", (RANK, 480), (RANK, 64))
    assert stack.set(1, (load_adapter(bench.model, embeddings), 1.0)) == NOT_HELD


def test_numbers_that_half_precision_cannot_hold_are_refused(bench: Bench, stack: Stack, run: Run) -> None:
    run.assign(0, 1)
    assert stack.set(1, bench.adapter(0)) == 0
    assert stack.set(1, bench.adapter(0, 1e9)) == OUT_OF_RANGE
    assert difference(tell(run), expected(bench.model)) < TOLERANCE


def test_wrong_numbers_are_refused(bench: Bench, stack: Stack, run: Run) -> None:
    native, handle = bench.model.native, bench.model.handle
    for slot in (-1, 0, N_SEQUENCES + 1, 2**31 - 1):
        assert stack.set(slot, bench.adapter(0)) == INVALID
    assert stack.set(1, bench.adapter(0, math.nan)) == INVALID
    assert native.llama_adapter_stack_set(None, 1, None, 0, None) == INVALID
    assert native.llama_adapter_stack_set(stack.handle, 1, None, 1, None) == INVALID
    for sequence, slot in ((-1, 1), (256, 1), (0, -1), (0, N_SEQUENCES + 1)):
        assert run.assign(sequence, slot) == INVALID
    for n_slots, rank in ((1, 16), (-1, 16), (2, 0), (2, 1 << 30), (1 << 30, 16)):
        assert not native.llama_adapter_stack_init(handle, n_slots, rank)


def test_a_stack_belongs_to_one_model(bench: Bench, stack: Stack) -> None:
    other = load(TINY_MODEL)
    foreign = Run(other)
    assert foreign.use(stack) == INVALID
    assert foreign.assign(0, 1) == INVALID
    foreign.close()


def write_adapter(path: Path, name: str, a: tuple[int, int], b: tuple[int, int]) -> Path:
    """A GGUF adapter of zeros for one tensor of the model."""
    values: dict[str, Value] = {
        "general.type": (STRING, "adapter"),
        "general.architecture": (STRING, "gemma3"),
        "adapter.type": (STRING, "lora"),
        "adapter.lora.alpha": (F32, float(RANK)),
    }
    tensors: list[Tensor] = [(f"{name}.lora_a", a, 0), (f"{name}.lora_b", b, 0)]
    path.write_bytes(gguf(values, tensors, data=bytes(4 * (a[0] * a[1] + b[0] * b[1]))))
    return path
