"""What an operator sees of the finished executable: health, metrics, log and traces of the same few requests."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector, collecting
from tests.running import run
from tests.serving import Server, serving

SECRET = "my dear secret"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "lmfile.log"


@pytest.fixture(scope="module")
def operated(tiny: Path, env: dict[str, str], collector: Collector, log: Path) -> Iterator[Server]:
    """A small model that has answered one question, and is watched in every way there is."""
    flags = ["-t", "1", "--log-file", str(log), "--log-format", "json", "--otlp-endpoint", collector.url]
    with serving(tiny, *flags, env={**env, "OTEL_BSP_SCHEDULE_DELAY": "100"}) as server:
        server.post("/completion", {"prompt": SECRET, "n_predict": 5, "ignore_eos": True})
        yield server


def scraped(server: Server) -> dict[str, float]:
    """Each value by its name with labels."""
    status, text = server.get("/metrics")
    assert status == 200
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_numbers_are_the_engines(operated: Server) -> None:
    before = scraped(operated)
    answer = operated.post("/completion", {"prompt": SECRET, "n_predict": 7, "ignore_eos": True})
    after = scraped(operated)
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    timings = answer["timings"]
    assert grown["llamacpp:tokens_predicted_total"] == timings["predicted_n"] == 7
    assert grown["llamacpp:prompt_tokens_total"] == timings["prompt_n"]
    assert grown["llamacpp:prompt_tokens_cached_total"] == timings["cache_n"] > 0
    assert grown["llamacpp:tokens_predicted_seconds_total"] == pytest.approx(timings["predicted_ms"] / 1000)
    assert 1 <= grown["llamacpp:n_decode_total"] <= 8
    assert after["llamacpp:n_busy_slots_per_decode"] == 1
    assert grown["lorax_request_success"] == 1


def test_the_log_has_a_line_for_each_request(operated: Server, log: Path) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (first,) = [line for line in lines if line.get("route") == "/completion" and line["generated_tokens"] == 5]
    assert (first["method"], first["status"], first["message"]) == ("POST", 200, "request")
    assert first["ms"] > 0
    assert {"GET"} == {line["method"] for line in lines if line.get("route") == "/health"}
    assert "secret" not in log.read_text()
    assert "request" not in operated.running.err()  # not on the terminal


def test_traces_reach_the_collector(operated: Server, collector: Collector) -> None:
    names: list[str] = []
    while "decode" not in names:
        names += [span["name"] for span in collector.spans()]
    assert names[names.index("decode") - 4 :][:4] == [
        "POST /completion", f"text_completion {_name(operated)}", "queue", "prefill",
    ]  # fmt: skip


def test_a_dead_worker_is_seen(operated: Server) -> None:
    worker = operated.running.worker()
    os.kill(worker, signal.SIGKILL)
    operated.running.until(lambda: operated.running.worker() not in (0, worker))
    operated.wait_ready()
    assert scraped(operated)[f'lmfile_worker_deaths_total{{model="{_name(operated)}"}}'] == 1
    status, health = operated.get("/health")
    assert status == 200
    assert json.loads(health) == {
        "status": "ok", "models": [{"name": _name(operated), "state": "loaded", "restarts": 1}],
    }  # fmt: skip


def test_a_collector_that_is_no_address(tiny: Path, env: dict[str, str], log: Path) -> None:
    done = run([tiny, "--server", "--port", "0", "--otlp-endpoint", "localhost:4318"], env=env)
    assert done.status == 10
    assert "--otlp-endpoint" in done.err
    done = run([tiny, "--server", "--port", "0", "--log-file", str(log / "x")], env=env)
    assert done.status == 34
    assert re.search(r"Writing `.*`: not a directory", done.err)


def _name(server: Server) -> str:
    _, listed = server.get("/v1/models")
    return str(json.loads(listed)["data"][0]["id"])
