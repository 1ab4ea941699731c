"""The forms that are known, and which of them a model has.

A form is known by words of its template, which are looked for in this order; its module is imported when a model
has it.
"""

import importlib
from typing import NamedTuple

from runtime.chat.form import Form


class Known(NamedTuple):
    """words: all of them are in the template, and none of `without`."""

    module: str
    form: str
    words: tuple[str, ...]
    without: tuple[str, ...] = ()


KNOWN = (
    Known("tagged", "QwenCoder", ("<tool_call>", "<function=", "<parameter=")),
    Known("hermes", "Hermes", ("<tool_call>", "tools"), without=("<arg_key>",)),
)


def find(template: str) -> Form:
    """Return the form of the model with this chat template."""
    for module, form, words, without in KNOWN:
        if all(word in template for word in words) and not any(word in template for word in without):
            break
    else:
        module, form = "generic", "Generic"
    found: Form = getattr(importlib.import_module(f"runtime.chat.forms.{module}"), form)(template)
    return found
