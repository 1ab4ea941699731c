"""The script for zsh, whose own `_arguments` knows what was typed already."""

from collections.abc import Iterator, Sequence

from bundler.completion.commands import Command, Option, Value

HEAD = """\
#compdef lmfile
# zsh completion of lmfile. For every shell to come: lmfile completion zsh > a folder of $fpath/_lmfile

_lmfile() {
    local context state line
    typeset -A opt_args
    local -a commands
    commands=(
"""
MIDDLE = """\
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
"""
TAIL = """\
    esac
}

if [[ $funcstack[1] == _lmfile ]]; then
    _lmfile "$@"
else
    compdef _lmfile lmfile
fi
"""


def script(commands: Sequence[Command]) -> str:
    """The whole of it."""
    named = "".join(f"        '{command.name}:{command.help}'\n" for command in commands)
    cases = "".join(f"        {line}\n" for command in commands for line in _case(command))
    return HEAD + named + MIDDLE + cases + TAIL


def _case(command: Command) -> Iterator[str]:
    yield f"{command.name}) _arguments \\"
    for option in command.options:
        yield from (f"    {spec} \\" for spec in _specs(option))
    places = command.places
    yield f"    '*:{_label(places)}:{_action(places)}';;" if places.words or places.files else "    ;;"


def _specs(option: Option) -> Iterator[str]:
    behind = "" if option.value is None else f":{_label(option.value)}:{_action(option.value)}"
    star = "*" if option.repeats else ""
    others = "" if option.repeats else f"({' '.join(option.names)})"
    for name in option.names:
        yield f"'{others}{star}{name}[{option.help}]{behind}'"


def _label(value: Value) -> str:
    return "".join(character for character in value.name if character.isalnum() or character in " -") or "value"


def _action(value: Value) -> str:
    """What offers it; a blank and nothing is an action that offers nothing."""
    words = f"(({' '.join(value.words)}))" if value.words else ""
    if words and value.files:
        return f'_alternative "words:{_label(value)}:({" ".join(value.words)})" "files:file:_files"'
    return f"({' '.join(value.words)})" if words else "_files" if value.files else " "
