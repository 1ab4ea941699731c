"""What was baked: the same answers with it, in its place when it is needed, and never when it is damaged or unfit."""

from pathlib import Path

import msgspec
import pytest

from runtime.engine import baked, baking
from runtime.engine.backend import Drawn, InvalidRequest, Memory, Work
from runtime.engine.backends.fake import FakeBackend, FakeShape
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.config import WorkerConfig
from runtime.engine.pace import ROUNDED_ALIKE, whole
from runtime.engine.protocol import Chat
from runtime.engine.template import template_of
from runtime.errors import UsageError
from tests import state_models
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import Engine, load
from tests.runtime.engine.loop import Loop

SYSTEM = "You are a careful librarian of a small town by the sea. You answer in plain words. " * 14
LONG_STARTER = "Please tell me what you know of these books, one after the other, and be brief: " + "a red one, " * 40
QUESTIONS = ("What is a river?", "Hi", "Name three colours.")
N_TOKENS = 12
PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"


def order(system: str = SYSTEM, *starters: str, **values: object) -> baking.Order:
    messages: baking.Messages = [{"role": "system", "content": system}] if system else []
    return baking.Order(messages, starters, dict(values))


def made(backend: LlamaBackend | FakeBackend, path: Path, what: baking.Order) -> baking.Done | None:
    return baking.bake(backend, what, path, lambda done, total: None)  # type: ignore[arg-type]


def shelf(path: Path, before: bytes = b"", **changes: object) -> baked.Shelf:
    """The state as a start finds it: in the middle of a file."""
    state = path.read_bytes()
    whole_file = path.with_suffix(".whole")
    whole_file.write_bytes(before + state)
    config = WorkerConfig(
        "model",
        baked_path=str(whole_file),
        baked_offset=len(before),
        baked_size=len(state),
    )
    found = baked.Shelf(config._replace(**changes))  # type: ignore[arg-type]
    found.start()
    return found


def prompt(backend: LlamaBackend | FakeBackend, question: str, system: str = SYSTEM) -> list[int]:
    turns: list[dict[str, object]] = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return backend.tokenize(template_of(backend).render(Chat(messages=turns)))  # type: ignore[arg-type]


def with_shelf(engine: Loop, known: baked.Shelf) -> Loop:
    engine.lanes[0].baked = known
    return engine


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf(), n_ctx=2048)


@pytest.fixture(scope="module")
def state(backend: LlamaBackend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("baked") / "state"
    Engine(backend)
    done = made(backend, path, order(SYSTEM, LONG_STARTER, "Hi"))
    assert done and done.tokens > 200
    return path


@pytest.mark.parametrize("question", [*QUESTIONS, LONG_STARTER])
def test_an_answer_has_the_same_bits_with_it(backend: LlamaBackend, state: Path, question: str) -> None:
    tokens = prompt(backend, question)
    alone = Engine(backend).answer(tokens, N_TOKENS)
    engine = Engine(backend)
    with_shelf(engine, shelf(state, b"." * 70_001))
    said = engine.answer(tokens, N_TOKENS)
    timings = engine.last(engine.n_asked).timings
    assert ROUNDED_ALIKE <= timings.prompt_n < 2 * ROUNDED_ALIKE
    assert timings.prompt_n + timings.cache_n == len(tokens)
    assert [(one.id, one.logprob) for one in said.told] == [(one.id, one.logprob) for one in alone.told]


def test_the_bits_do_not_depend_on_the_number_of_threads(state: Path, tmp_path: Path) -> None:
    made(load(smollm2_gguf(), n_ctx=1024, n_threads=2), tmp_path / "state", order(SYSTEM, LONG_STARTER, "Hi"))
    assert (tmp_path / "state").read_bytes() == state.read_bytes()


def test_what_was_forgotten_comes_back(backend: LlamaBackend, state: Path) -> None:
    engine = Engine(backend)
    with_shelf(engine, shelf(state))
    for _ in range(2):
        engine.answer(prompt(backend, "Hi"), 2)
        assert engine.last(engine.n_asked).timings.cache_n > 200
        engine.lanes[0].tree.evict(engine.backend.facts.n_ctx)
        assert not engine.lanes[0].n_cells()


def test_other_prompts_take_no_room_for_it(backend: LlamaBackend, state: Path) -> None:
    engine = Engine(backend)
    with_shelf(engine, shelf(state))
    engine.answer(prompt(backend, "Hi", "You are somebody else."), 2)
    assert engine.last(engine.n_asked).timings.cache_n == 0
    assert engine.lanes[0].n_cells() < 50


@pytest.mark.parametrize("kind", ["recurrent", "hybrid", "window"])
def test_a_model_that_cannot_be_cut_goes_on_from_its_state(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(getattr(state_models, kind)(tmp_path / "model.gguf"), n_parallel=4)
    model.facts = msgspec.structs.replace(model.facts, chat_template=PLAIN)
    monkeypatch.setattr(baking, "PROBES", ("Hello", "a", "7"))
    monkeypatch.setattr(model, "tokenize", lambda text: [8 + ord(one) % 50 for one in text])  # they know letters only
    system = "abcdefgh" * 25
    done = made(model, tmp_path / "state", order(system, "XYZ" * 40))
    assert done and done.tokens > 100
    for question in ("abc", "XYZ" * 40):
        alone = Engine(model).answer(prompt(model, question, system), N_TOKENS)
        engine = Engine(model)
        with_shelf(engine, shelf(tmp_path / "state"))
        assert engine.answer(prompt(model, question, system), N_TOKENS) == alone
        assert engine.last(engine.n_asked).timings.cache_n > 100


def fake_shelf(tmp_path: Path, **changes: object) -> baked.Shelf:
    assert made(FakeBackend(n_ctx=2048), tmp_path / "state", order())
    return shelf(tmp_path / "state", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"baked_offset": 1}, {"baked_path": "/nowhere"}, {"baked_size": 40}, {"baked_size": 1 << 40}],
    ids=str,
)
def test_what_is_not_as_it_was_packed_is_computed_anew(tmp_path: Path, changes: dict[str, object]) -> None:
    loop = Loop(n_ctx=2048, n_cells=2048)
    with_shelf(loop, fake_shelf(tmp_path, **changes))
    loop.submit(1, bytes(prompt(loop.backend, "Hi")).decode())
    loop.run()
    assert (loop.text(1), loop.last(1).timings.cache_n) == ("Hello.", 0)


def test_what_another_memory_has_computed_is_left(tmp_path: Path) -> None:
    loop = Loop(n_ctx=2048, n_cells=2048)
    with_shelf(loop, fake_shelf(tmp_path))
    loop.lanes[0].memory.form = "another"
    loop.submit(1, bytes(prompt(loop.backend, "Hi")).decode())
    loop.run()
    assert loop.last(1).timings.cache_n == 0


@pytest.mark.parametrize("can_trim", [True, False])
def test_two_at_once_take_it_over_once(tmp_path: Path, can_trim: bool) -> None:
    loop = Loop(n_ctx=2048, n_cells=4096, can_trim=can_trim)
    with_shelf(loop, fake_shelf(tmp_path))
    for number, question in enumerate(QUESTIONS, start=1):
        loop.submit(number, bytes(prompt(loop.backend, question)).decode())
    loop.run()
    assert all(loop.last(number).timings.cache_n > 900 for number in (1, 2, 3))
    loop.check_nothing_is_held()


def test_mutations_of_a_state_are_refused_or_change_tokens_only(tmp_path: Path) -> None:
    """As if the hash were right: nothing but ValueError, and no view beyond the file."""
    made(FakeBackend(n_ctx=2048), tmp_path / "state", order(SYSTEM, LONG_STARTER))
    good = (tmp_path / "state").read_bytes()
    n_refused = 0
    for at in range(baked.HEAD.size + 2 * baked.ROW.size):
        for value in (0, 1, 0x7F, 0xFF):
            changed = bytearray(good)
            changed[at] = value
            try:
                found = baked.decode(memoryview(changed))
            except ValueError:
                n_refused += 1
            else:
                assert all(len(one.data) <= len(good) and one.tokens for one in found.beginnings)
    for end in range(0, len(good), 97):
        with pytest.raises(ValueError):
            baked.decode(memoryview(good[:end]))
    assert n_refused > 100


@pytest.mark.parametrize("can_trim", [True, False])
def test_an_interrupted_chunk_is_computed_again(
    tmp_path: Path, can_trim: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend(n_ctx=4096, n_chunk=256, shape=FakeShape(can_trim=can_trim))
    assert made(backend, tmp_path / "undisturbed", order(SYSTEM, LONG_STARTER))
    disturbed = FakeBackend(n_ctx=4096, n_chunk=256, shape=FakeShape(can_trim=can_trim))
    run, n_runs = disturbed.run, iter(range(1000))

    def interrupted(memory: Memory, works: list[Work]) -> list[list[Drawn] | InvalidRequest]:
        if next(n_runs) in (1, 4, 8):
            disturbed.interrupt()
        return run(memory, works)

    monkeypatch.setattr(disturbed, "run", interrupted)
    assert made(disturbed, tmp_path / "state", order(SYSTEM, LONG_STARTER))
    assert (tmp_path / "state").read_bytes() == (tmp_path / "undisturbed").read_bytes()


def test_the_day_is_left_out(tmp_path: Path) -> None:
    source = (
        "{% for m in messages %}{{ m.content }}{% if loop.first %}{{ strftime_now('%d %b %Y') }}{% endif %}{% endfor %}"
    )
    backend = FakeBackend(n_ctx=2048)
    backend.facts = msgspec.structs.replace(backend.facts, chat_template=source)
    made(backend, tmp_path / "state", order())
    (beginning,) = baked.decode(memoryview((tmp_path / "state").read_bytes())).beginnings
    assert len(beginning.tokens) == len(SYSTEM)


def test_a_short_prompt_is_not_worth_it(tmp_path: Path) -> None:
    assert made(FakeBackend(), tmp_path / "state", order("Be nice.")) is None
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("system", "word"), [("", "there is none"), (SYSTEM, "exceeds")])
def test_what_cannot_be_baked_is_one_sentence(tmp_path: Path, system: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        made(FakeBackend(n_ctx=256), tmp_path / "state", order(system))


@pytest.mark.parametrize("n_left", [1, 63, 64, 65, 100, 127, 128, 575, 576, 1000])
@pytest.mark.parametrize("n_tokens", [1, 32, 64, 100, 512])
def test_no_short_rest_of_a_prompt_is_left(n_tokens: int, n_left: int) -> None:
    now = whole(min(n_tokens, n_left), n_left)
    assert 0 < now <= n_left
    if n_tokens >= ROUNDED_ALIKE:
        assert now == n_left or (now >= ROUNDED_ALIKE and n_left - now >= ROUNDED_ALIKE)


def test_whatever_native_code_goes_by_is_under_the_hash(tmp_path: Path) -> None:
    made(FakeBackend(n_ctx=2048), tmp_path / "state", order(SYSTEM, LONG_STARTER))
    good = (tmp_path / "state").read_bytes()
    data = baked.decode(memoryview(good)).beginnings[0].data
    for at in (8, baked.HEAD.size, len(good) - len(data), len(good) - len(data) + baked.CELLS_BYTES - 1):
        changed = bytearray(good)
        changed[at] ^= 1
        with pytest.raises(ValueError):
            baked.decode(memoryview(changed))
