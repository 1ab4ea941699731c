"""One question, one answer: `-p` and the flags that shape the answer."""

from pathlib import Path

from tests.questions import CALM, FRANCE, PARIS, SEE, SEEN, TALE, TINY_MODEL
from tests.running import run


def test_the_answer_alone_is_on_stdout(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--temp", "0", "-p", FRANCE], env=env)
    assert (done.status, done.out, done.err) == (0, PARIS, "")


def test_an_empty_environment_is_enough(executable: Path, cache: Path) -> None:
    done = run(["env", "-i", executable, "--cache-dir", cache, "--temp", "0", "-p", FRANCE])
    assert (done.status, done.out, done.err) == (0, PARIS, "")


def test_n_is_the_most_tokens(executable: Path, env: dict[str, str]) -> None:
    short, long = (
        run([executable, *CALM, "--raw", "-n", n, "-p", TALE], env=env).out.rstrip("\n") for n in ("2", "12")
    )
    assert len(short.split()) <= 2
    assert len(long.split()) > 4
    assert long.startswith(short)


def test_raw_continues_the_text_without_the_template(executable: Path, env: dict[str, str]) -> None:
    arguments = [*CALM, "-n", "4", "-p", "1, 2, 3, 4, 5, 6,"]
    raw = run([executable, "--raw", *arguments], env=env)
    assert raw.out.strip().startswith("7")
    assert run([executable, *arguments], env=env).out != raw.out


def test_a_seed_decides_what_is_drawn(executable: Path, env: dict[str, str]) -> None:
    def tale(seed: str) -> str:
        return run([executable, "-t", "1", "--temp", "1", "--seed", seed, "--raw", "-n", "16", "-p", TALE], env=env).out

    first = tale("7")
    assert tale("7") == first
    assert tale("8") != first


def test_the_system_prompt_is_heard(executable: Path, env: dict[str, str]) -> None:
    arguments = [*CALM, "-n", "24", "-p", "Hello! Who are you?"]
    plain = run([executable, *arguments], env=env)
    pirate = run([executable, "-sys", "You are a pirate called Blackbeard.", *arguments], env=env)
    assert plain.status == pirate.status == 0
    assert "Blackbeard" not in plain.out
    assert "Blackbeard" in pirate.out


def test_another_gguf_can_be_named(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "-m", TINY_MODEL, *SEE], env=env)
    assert (done.status, done.out) == (0, SEEN)
    assert "not part of this executable" in done.err


def test_flags_of_older_llamafiles_warn_and_go_on(tiny: Path, env: dict[str, str]) -> None:
    flags = ["--nologo", "--unsecure", "--fast", "-fa", "on", "--mlock", "--threads-http", "4"]
    done = run([tiny, *flags, *SEE], env=env)
    assert (done.status, done.out) == (0, SEEN)
    warnings = done.err.splitlines()
    assert [line.split()[1] for line in warnings] == [
        "--nologo",
        "--unsecure",
        "--fast",
        "-fa",
        "--mlock",
        "--threads-http",
    ]
    assert all(line.startswith("warning: ") for line in warnings)


def test_letters_of_any_script_go_in_and_out(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, *CALM, "-n", "24", "-p", "Repeat exactly: naïve café, Zürich, 東京"], env=env)
    assert done.status == 0
    assert any(word in done.out for word in ("naïve", "café", "Zürich", "東京"))
