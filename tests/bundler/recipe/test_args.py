"""A llamafile's `.args`: how it is cut, what becomes of each kind of flag, and any text at all."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.recipe import Recipe, WantedAdapter, WantedModel, read
from bundler.recipe.arg_words import Unreadable, words
from bundler.recipe.args import read_llamafile
from runtime.cli.parse import parse
from runtime.errors import RecipeInvalid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.gguf", "b.gguf", "see.gguf", "lora.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    return tmp_path


def of(folder: Path, text: str) -> tuple[Recipe, list[str]]:
    (folder / ".args").write_text(text)
    return read(folder / ".args")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-m\na b.gguf\n...\n", ["-m", "a b.gguf", "..."]),
        ("-sys\nYou're here. # no comment\n", ["-sys", "You're here. # no comment"]),
        ("-p\none\\ntwo\n", ["-p", "one\ntwo"]),
        ("# comment\n\n  -c   4096 # so\n", ["-c", "4096"]),
        ("-r 'a b' \"c\\td\\x41\\101\"\n", ["-r", "a b", "c\tdAA"]),
        ("--x='a'\"b\"c\\ d\n", ["--x=abc d"]),
        ("-sys 'one\ntwo' -c 1", ["-sys", "one\ntwo", "-c", "1"]),
        ("-a \\\n-b", ["-a", "-b"]),
        ("", []),
    ],
)
def test_how_it_is_cut(text: str, expected: list[str]) -> None:
    assert [word.text for word in words(text)] == expected


def test_lines_of_words() -> None:
    assert [word.line for word in words("# c\n-a 'x\ny' -b\n\nword\n")] == [2, 2, 3, 5]


@pytest.mark.parametrize("text", ["-a 'x", '-a "x', "-a $HOME", "-a ${X}", '-a "$X"'])
def test_what_cannot_be_cut(text: str) -> None:
    with pytest.raises(Unreadable):
        words(text)


def test_models_adapters_words_and_flags(folder: Path) -> None:
    recipe, warnings = of(
        folder,
        "-m\n/zip/a.gguf\n--mmproj\n/zip/see.gguf\n-md\nb.gguf\n--lora\n/zip/lora.gguf\n--lora-scaled\nlora.gguf:0.5\n"
        "--lora-scaled\nlora.gguf\n0.25\n-sys\nBe nice.\n--chat-template-file\n/zip/t.jinja\n-c\n2048\n--temp\n0\n"
        "-ngl\nall\n-r\nA\n-r\nB\n--server\n--host\n0.0.0.0\n--mlock\n-b\n512\n--no-mmap\n...\n",
    )
    assert recipe == Recipe(
        models=(
            WantedModel(str(folder / "a.gguf")),
            WantedModel(str(folder / "b.gguf"), "draft"),
            WantedModel(str(folder / "see.gguf"), "mmproj"),
        ),
        adapters=tuple(WantedAdapter(str(folder / "lora.gguf"), scale=scale) for scale in (1.0, 0.5, 0.25)),
        system_prompt="Be nice.",
        chat_template="{{ messages }}",
        defaults={"ctx-size": 2048, "temp": 0.0, "gpu-layers": 9999, "stop": ("A", "B"), "server": True},
    )
    assert [warning.split()[0] for warning in warnings] == ["--host", "--mlock", "-b", "--no-mmap"]


def test_flags_mean_what_they_mean_on_the_command_line(folder: Path) -> None:
    """The defaults are the values that the executable's own parser reads from the same arguments."""
    flags = ["-c", "512", "--temperature", "0.5", "--top-k=7", "-n", "20", "-s", "3", "--stop", "x", "--context-shift"]
    recipe, warnings = of(folder, "-m a.gguf\n" + "\n".join(flags))
    options, _ = parse(flags)
    assert warnings == []
    assert {name.replace("-", "_"): value for name, value in recipe.defaults.items()} == vars(options)


def test_later_flags_win_and_the_only_model_is_found(folder: Path) -> None:
    assert of(folder, "-m a.gguf -m b.gguf -c 1 -c 2")[0] == Recipe(
        (WantedModel(str(folder / "b.gguf")),), defaults={"ctx-size": 2}
    )
    for name in ("b.gguf", "see.gguf", "lora.gguf"):
        (folder / name).unlink()
    assert of(folder, "-c 1")[0].models == (WantedModel(str(folder / "a.gguf")),)
    assert of(folder, "-hf org/repo:q4_0")[0].models == (WantedModel("hf:org/repo:q4_0"),)


def test_a_llamafile_with_its_own_arguments(folder: Path) -> None:
    path = folder / "a.llamafile"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.gguf", b"GGUF")
        archive.writestr("see.gguf", b"GGUF")
        archive.writestr(".args", "-m\nx.gguf\n--mmproj\n/zip/see.gguf\n--temp\n0\n...\n")
    recipe, _ = read_llamafile(path)
    assert recipe.models == (WantedModel(f"{path}#x.gguf"), WantedModel(f"{path}#see.gguf", "mmproj"))
    assert recipe.defaults == {"temp": 0.0}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.lists(
            st.sampled_from(
                [
                    *"-m smollm2 -c 1 --temp x ... --lora -sys -r ' \" \\ $X # --mmproj --no-mmap -b".split(),
                    *"--chat-template --context-shift --no-context-shift --port=1 --lora-scaled a:b -ngl".split(),
                    *"all --help - -- = --=".split(),
                    "\n",
                    " ",
                ]
            ),
            max_size=14,
        ).map(" ".join),
        st.text(max_size=40),
        st.binary(max_size=40),
    )
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.args"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        read(path)
    except RecipeInvalid as error:
        assert error.exit_code == 12
