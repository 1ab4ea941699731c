"""The script for bash, of macOS's 3.2 too."""

from collections.abc import Iterator, Sequence

from bundler.completion.commands import Command, Value

HEAD = """\
# bash completion of lmfile. For every shell to come:
#   lmfile completion bash > ~/.local/share/bash-completion/completions/lmfile

_lmfile_words() {
    local IFS=$' \\n'
    COMPREPLY+=($(compgen -W "$1" -- "$current"))
}

_lmfile_files() {
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$current"))
}

_lmfile() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
"""
TAIL = """\
}

complete -F _lmfile lmfile
"""


def script(commands: Sequence[Command]) -> str:
    """The whole of it."""
    names = " ".join(command.name for command in commands)
    lines = [f"    if ((COMP_CWORD == 1)); then _lmfile_words '{names} --help --version'; return; fi"]
    lines += ['    case "$command $previous" in', *(f"        {line}" for line in _values(commands)), "    esac"]
    lines += ['    case "$command" in', *(f"        {line}" for line in _places(commands)), "    esac"]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _values(commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        for option in command.options:
            if option.value is not None:
                cases = "|".join(f'"{command.name} {name}"' for name in option.names)
                yield f"{cases}) {_calls(option.value)}return;;"


def _places(commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        names = " ".join(name for option in command.options for name in option.names)
        yield f"{command.name})"
        yield f"    if [[ $current == -* ]]; then _lmfile_words '{names}'; else {_calls(command.places)}:; fi;;"


def _calls(value: Value) -> str:
    words = f"_lmfile_words '{' '.join(value.words)}'; " if value.words else ""
    return words + ("_lmfile_files; " if value.files else "")
