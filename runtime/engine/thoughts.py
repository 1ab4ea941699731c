"""Makes the budget for a request's thoughts: its marks in bytes and tokens, and whether the prompt ends inside one."""

from runtime.engine.backend import Backend, InvalidRequest
from runtime.engine.budget import Budget, Marks
from runtime.engine.protocol import Generate

MAX_MARK_CHARACTERS = 256
MAX_MESSAGE_CHARACTERS = 4096


def budget(request: Generate, prompt: str, backend: Backend) -> Budget | None:
    """Return what watches the thoughts of the answer to `prompt`; None: nothing has to. Raises: InvalidRequest."""
    wanted = request.thought
    if wanted is None:
        return None
    begin, ends = wanted.begin.strip(), [end for end in wanted.ends if end]
    if not begin or not ends:
        raise InvalidRequest("the budget for thoughts needs the marks that a thought begins and ends with")
    if max(map(len, (begin, *ends))) > MAX_MARK_CHARACTERS or len(wanted.message) > MAX_MESSAGE_CHARACTERS:
        raise InvalidRequest(
            f"a mark of a thought may have {MAX_MARK_CHARACTERS} characters at most, "
            f"and what is said at its end {MAX_MESSAGE_CHARACTERS}"
        )
    first = backend.tokenize(begin, add_special=False)[:1]
    marks = Marks(
        begin=begin.encode(),
        ends=[end.encode() for end in ends],
        closing=_tokens(wanted.message, backend) + _tokens(ends[0], backend),
        is_everywhere=not any(map(backend.piece, first)),  # control tokens are no words of a text
    )
    prefill = request.chat.prefill if request.chat else ""
    is_open = prompt.removesuffix(prefill).rstrip().endswith(begin)
    return Budget(marks, wanted.budget_tokens, backend.token_bytes, is_open, prefill.encode())


def _tokens(text: str, backend: Backend) -> list[int]:
    return backend.tokenize(text, add_special=False) if text else []
