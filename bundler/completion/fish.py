"""The script for fish: one `complete` for each thing there is."""

from collections.abc import Iterator, Sequence

from bundler.completion.commands import Command, Option

HEAD = """\
# fish completion of lmfile. For every shell to come:
#   lmfile completion fish > ~/.config/fish/completions/lmfile.fish

complete -c lmfile -f
"""


def script(commands: Sequence[Command]) -> str:
    """The whole of it."""
    lines = [f"complete -c lmfile -n __fish_use_subcommand -a {one.name} -d '{one.help}'" for one in commands]
    for command in commands:
        lines += _lines(command)
    return HEAD + "\n".join(lines) + "\n"


def _lines(command: Command) -> Iterator[str]:
    begin = f"complete -c lmfile -n '__fish_seen_subcommand_from {command.name}'"
    for option in command.options:
        yield f"{begin} {_names(option)}{_value(option)} -d '{option.help}'"
    if command.places.files:
        yield f"{begin} -F"
    if command.places.words:
        yield f"{begin} -a '{' '.join(command.places.words)}'"


def _names(option: Option) -> str:
    return " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)


def _value(option: Option) -> str:
    if option.value is None:
        return ""
    files = " -F" if option.value.files else " -f"
    words = f" -a '{' '.join(option.value.words)}'" if option.value.words else ""
    return " -r" + files + words
