"""The types that models can be quantised to, by the names and numbers of llama-quantize.

Plain data; a test compares it with the pinned source. Without an importance matrix the lowest types would write
garbage: llama.cpp refuses them then, and so does this.
"""

import difflib
from typing import NamedTuple

from runtime.errors import UsageError
from runtime.gguf.tables import TENSOR_TYPES


class Type(NamedTuple):
    """One type. number: llama_ftype; needs_imatrix: most of its tensors cannot be written without one."""

    name: str
    number: int
    bits: float
    needs_imatrix: bool = False


TYPES = {
    kind.name: kind
    for kind in (
        Type("Q1_0", 40, 1.125),
        Type("Q2_0", 41, 2.25),
        Type("Q4_0", 2, 4.5),
        Type("Q4_1", 3, 5.0),
        Type("MXFP4_MOE", 38, 4.25),
        Type("Q5_0", 8, 5.5),
        Type("Q5_1", 9, 6.0),
        Type("IQ2_XXS", 19, 2.06, True),
        Type("IQ2_XS", 20, 2.31, True),
        Type("IQ2_S", 28, 2.5, True),
        Type("IQ2_M", 29, 2.7, True),
        Type("IQ1_S", 24, 1.56, True),
        Type("IQ1_M", 31, 1.75, True),
        Type("TQ1_0", 36, 1.69),
        Type("TQ2_0", 37, 2.06),
        Type("Q2_K", 10, 2.96),
        Type("Q2_K_S", 21, 2.7, True),
        Type("IQ3_XXS", 23, 3.06, True),
        Type("IQ3_S", 26, 3.44),
        Type("IQ3_M", 27, 3.66),
        Type("Q3_K", 12, 3.9),
        Type("IQ3_XS", 22, 3.3, True),
        Type("Q3_K_S", 11, 3.5),
        Type("Q3_K_M", 12, 3.9),
        Type("Q3_K_L", 13, 4.3),
        Type("IQ4_NL", 25, 4.5),
        Type("IQ4_XS", 30, 4.25),
        Type("Q4_K", 15, 4.9),
        Type("Q4_K_S", 14, 4.6),
        Type("Q4_K_M", 15, 4.9),
        Type("Q5_K", 17, 5.7),
        Type("Q5_K_S", 16, 5.6),
        Type("Q5_K_M", 17, 5.7),
        Type("Q6_K", 18, 6.6),
        Type("Q8_0", 7, 8.5),
        Type("F16", 1, 16.0),
        Type("BF16", 32, 16.0),
        Type("F32", 0, 32.0),
        Type("COPY", 0, 32.0),
    )
}
"""bits: of a weight, about; for estimates alone. Q3_K, Q4_K and Q5_K are other names of their M forms."""

NUMBERS = {kind.name.lower(): number for number, kind in TENSOR_TYPES.items()}
"""Types of single tensors, for the output layer and the embeddings."""


def names() -> tuple[str, ...]:
    """Every type that a model can be quantised to."""
    return tuple(TYPES)


def named(name: str) -> Type:
    """The type called `name`, in capitals or not. Raises: UsageError with the nearest name."""
    found = TYPES.get(name.upper())
    if found:
        return found
    raise UsageError(f"Quantising to `{name}`: there is no such type; {_meant(name.upper(), names())}.")


def tensor_number(name: str) -> int:
    """The number of the tensor type called `name`. Raises: UsageError with the nearest name."""
    if name.lower() in NUMBERS:
        return NUMBERS[name.lower()]
    raise UsageError(f"Quantising a tensor to `{name}`: there is no such type; {_meant(name.lower(), tuple(NUMBERS))}.")


def _meant(name: str, all_names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, all_names, n=1, cutoff=0.5)
    return f"the nearest is `{near[0]}`" if near else f"there are {', '.join(all_names)}"
