"""Turns the arguments of a command line into `Options`.

Its own forty lines in place of argparse: the flags of older llamafiles warn and go
on, short flags have several letters (-ngl), and the worker must start before anything
slow is imported.
"""

import math
from typing import Any

from runtime.cli.flags import BY_NAME, BY_OFF, LEGACY_SWITCHES, LEGACY_WITH_VALUE, Flag, Options
from runtime.errors import UsageError


def parse(arguments: list[str]) -> tuple[Options, list[str]]:
    """Return the options and the warnings about flags that mean nothing here.

    Raises: UsageError naming the argument, with the nearest known spelling.
    """
    options = Options()
    warnings: list[str] = []
    rest = list(arguments)
    while rest:
        name, inline = _split(rest.pop(0))
        if name in BY_NAME:
            flag = BY_NAME[name]
            value = _value(flag, name, inline, rest)
            several = flag.kind in ("list", "texts")
            setattr(options, flag.field, (*getattr(options, flag.field), *value) if several else value)
        elif name in BY_OFF:
            _value(BY_OFF[name], name, inline, rest)
            setattr(options, BY_OFF[name].field, False)
        elif name in LEGACY_SWITCHES or name in LEGACY_WITH_VALUE:
            if name in LEGACY_WITH_VALUE and inline is None and rest and not _is_flag(rest[0]):
                rest.pop(0)
            warnings.append(f"{name} has no effect in this version")
        else:
            raise UsageError(_unknown(name))
    _check_combination(options)
    return options, warnings


def _split(argument: str) -> tuple[str, str | None]:
    if argument.startswith("--") and "=" in argument:
        name, value = argument.split("=", 1)
        return name, value
    return argument, None


def _value(flag: Flag, name: str, inline: str | None, rest: list[str]) -> Any:
    if flag.kind == "switch":
        if inline is not None:
            raise UsageError(f"Reading the command line: {name} takes no value, got `{inline}`; leave it out.")
        return True
    if inline is None:
        if not rest:
            raise UsageError(f"Reading the command line: {name} needs a value ({flag.metavar}: {flag.help}).")
        inline = rest.pop(0)
    try:
        return converted(flag, inline)
    except ValueError as fault:
        raise UsageError(f"Reading the command line: {name} {fault}.") from None


def converted(flag: Flag, given: str) -> Any:
    """What the text of a flag's value means. Raises: ValueError with what is wrong, as a sentence's end."""
    text = dict(flag.words).get(given, given)
    if flag.kind in ("int", "float"):
        return _number(flag, text)
    if flag.kind in ("list", "texts"):
        return tuple(filter(None, text.split(",") if flag.kind == "list" else [text]))
    if flag.choices and text.lower() not in flag.choices:
        raise ValueError(f"is `{text[:80]}`; choose one of {', '.join(flag.choices)}")
    return text


def _number(flag: Flag, text: str) -> int | float:
    kind = "a whole number" if flag.kind == "int" else "a number"
    try:
        value = int(text) if flag.kind == "int" else float(text)
    except ValueError:
        raise ValueError(f"is `{text[:40]}`; give {kind}") from None
    if not math.isfinite(value) or not flag.low <= value <= flag.high:
        raise ValueError(f"is {text[:40]}; give {kind} from {flag.low:g} to {flag.high:.10g}")
    return value


def _is_flag(argument: str) -> bool:
    return argument.startswith("-") and not argument[1:2].isdigit()


def _check_combination(options: Options) -> None:
    chosen = {"--server": options.server, "--chat": options.chat, "-p": options.prompt is not None}
    modes = [name for name, on in chosen.items() if on]
    if len(modes) > 1:
        raise UsageError(f"Reading the command line: {' and '.join(modes)} exclude each other; choose one.")
    if options.raw and options.prompt is None:
        raise UsageError("Reading the command line: --raw needs a text to continue; add -p TEXT.")


def _unknown(name: str) -> str:
    from runtime.cli.nearest import nearest  # only for a mistake

    if not name.startswith("-"):
        return f'Reading the command line: `{name[:80]}` is not a flag; to ask a question, write -p "…".'
    hint = nearest(BY_NAME, name, "see --help.", close=0.6)
    return f"Reading the command line: there is no flag `{name[:80]}`; {hint}"
