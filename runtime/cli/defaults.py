"""The flags that the publisher has packed: read through the same table as the user's, which stand above them."""

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.cli.flags import BY_NAME, Flag, Options
from runtime.cli.parse import converted
from runtime.errors import UsageError
from runtime.payload.defaults import (
    MAX_DEFAULTS,
    MAX_TEMPLATE,
    MAX_TEXT,
    MODES,
    OF_THE_MODEL,
    PACKABLE,
    why_not,
)

MAX_STOPS, MAX_STOP = 16, 256
"""As in a request."""

SWITCH_WORDS = {"true": True, "on": True, "false": False, "off": False}


def setting(name: str, given: object) -> tuple[Flag, Any]:
    """Return the flag of any spelling, without dashes, and what `given` means for it.

    A text is read as on the command line. Raises: ValueError with what is wrong, as a sentence's end behind the name.
    """
    flag = BY_NAME.get(f"--{name}") or BY_NAME.get(f"-{name}")
    if flag is None:
        from runtime.cli.nearest import nearest  # only for a mistake

        raise ValueError(f"is no flag; {nearest(sorted(PACKABLE), name, 'leave it out.', close=0.6).rstrip('.')}")
    if flag.name not in PACKABLE:
        raise ValueError(why_not(flag.name))
    if flag.kind == "switch":
        return flag, _switch(given)
    if flag.kind == "texts":
        return flag, _texts([given] if isinstance(given, str) else given)
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"needs a value ({flag.metavar}: {flag.help})")
    if isinstance(given, str):
        _check_text(given, MAX_TEMPLATE if flag.field == "chat_template" else MAX_TEXT)
    if flag.field == "chat_template":
        _check_template(str(given))
    return flag, converted(flag, str(given))


def with_defaults(options: Options, packed: Mapping[str, object], *, is_foreign: bool) -> tuple[Options, list[str]]:
    """Return `options` above what is packed, and a warning for each packed flag that cannot be used.

    is_foreign: the model is not the packed one, so that flags about that one mean nothing.
    """
    fields, warnings = _readable(packed)
    said = vars(options)
    if is_foreign:
        fields = {field: value for field, value in fields.items() if _name(field) not in OF_THE_MODEL}
    if any(said.get(field) for field in (*MODES, "prompt")) or all(fields.get(mode) for mode in MODES):
        fields = {field: value for field, value in fields.items() if field not in MODES}
    if "chat_template_file" in said:
        fields.pop("chat_template", None)
    made = _above(fields, options)
    if "chat_template_kwargs" in fields and "chat_template_kwargs" not in said:
        from runtime.cli import chats  # most executables tell their templates nothing

        try:
            chats.told(made)
        except UsageError:
            warnings.append(_warning("chat-template-kwargs", "is no JSON object that a template can be told"))
            del fields["chat_template_kwargs"]
            made = _above(fields, options)
    return made, warnings


def _readable(packed: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The values by field of `Options`."""
    fields: dict[str, Any] = {}
    warnings = []
    for place, (name, given) in enumerate(packed.items()):
        if place == MAX_DEFAULTS:
            warnings.append(_warning(f"{len(packed) - place} of them", "are too many"))
            break
        try:
            flag, value = setting(name, given)
        except ValueError as fault:
            warnings.append(_warning(name, str(fault)))
        else:
            fields[flag.field] = value
    return fields, warnings


def _warning(name: str, fault: str) -> str:
    shown = "".join(character for character in name[:40] if character.isprintable())
    return f"of the flags packed in this executable, `{shown}` is left out: it {fault.partition(';')[0]}"


def _above(fields: dict[str, Any], options: Options) -> Options:
    """Options whose own values, and so what `vars` tells, are the user's; its class has what is packed."""
    made: Options = type("Packed", (Options,), dict(fields))()
    vars(made).update(vars(options))
    return made


def _name(field: str) -> str:
    return next(flag.name for flag in BY_NAME.values() if flag.field == field)


def _check_template(given: str) -> None:
    from runtime.engine.template_given import NAMED

    if "{" not in given and given not in NAMED:
        raise ValueError(f"is no text in Jinja; choose one of {', '.join(NAMED)}, or give the text of one")


def _switch(given: object) -> bool:
    meant = SWITCH_WORDS.get(given.lower()) if isinstance(given, str) else given
    if not isinstance(meant, bool):
        raise ValueError("is a switch; write true or false")
    return meant


def _texts(given: object) -> tuple[str, ...]:
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise ValueError("needs a text or a list of texts")
    texts = tuple(given)
    if len(texts) > MAX_STOPS:
        raise ValueError(f"has {len(texts)} texts; give at most {MAX_STOPS}")
    for text in texts:
        if not isinstance(text, str) or not text:
            raise ValueError("has something else than texts in its list; write them in quotes")
        _check_text(text, MAX_STOP)
    return texts


def _check_text(text: str, limit: int) -> None:
    """It reaches the worker as an argument: no NUL, and Unicode that can be written."""
    if len(text) > limit:
        raise ValueError(f"has {len(text)} characters; give at most {limit}")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has characters that no text can have; write it in UTF-8")
