"""What somebody probably meant who wrote a name that is not known."""

import difflib
from collections.abc import Iterable

MAX_LISTED = 20


def nearest(known: Iterable[str], name: str, otherwise: str = "", close: float = 0.5) -> str:
    """The end of a sentence: a question after the name that is most like `name`, else `otherwise`, else what there is.

    close: how alike the two must be, from 0 to 1.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=close)
    if near:
        return f"did you mean {near[0]}?"
    return otherwise or f"there are {', '.join(names[:MAX_LISTED]) or 'none'}."
