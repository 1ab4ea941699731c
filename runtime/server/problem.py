"""Why a request is not answered, in the shape that OpenAI's and llama.cpp's clients read.

    {"error": {"code": 400, "message": "…", "type": "invalid_request_error"}}

Does not know: HTTP machinery; `errors.py` turns a Problem into a response.
"""

from collections.abc import Mapping

from runtime.engine.protocol import Failed

RETRY_SOON_S = 1


class Problem(Exception):
    """One refusal: HTTP status, type, a sentence for a person, and what else the client may use.

    facts: further keys of the error object. headers: further headers of the response.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        facts: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # A message may quote a header or an address, whose bytes need not be UTF-8.
        self.message = message.encode("utf-8", "replace").decode("utf-8")
        super().__init__(self.message)
        self.status = status
        self.kind = kind
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """The JSON that says it."""
        return {"error": {"code": self.status, "message": self.message, "type": self.kind, **self.facts}}


def invalid(message: str) -> Problem:
    """The request is malformed or asks for something that cannot be."""
    return Problem(400, "invalid_request_error", message)


def not_supported(what: str) -> Problem:
    """The request is sound, but this server does not do that. 400 and not 501: clients repeat a 5xx."""
    return Problem(400, "not_supported_error", f"{what} is not supported by this server.")


def forbidden(message: str) -> Problem:
    """The request comes from somewhere that may not send it."""
    return Problem(403, "permission_error", message)


def not_found(message: str) -> Problem:
    """There is no such thing here."""
    return Problem(404, "not_found_error", message)


def no_such_model(message: str) -> Problem:
    """The request names a model that is not here."""
    return Problem(404, "model_not_found", message)


def unavailable(message: str, retry_after_s: int | None = None) -> Problem:
    """Not now; `retry_after_s` when waiting helps."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Problem(503, "unavailable_error", message, headers=headers)


def loading() -> Problem:
    """The model is not there yet; llama-server's words."""
    return unavailable("Loading model", RETRY_SOON_S)


def busy(message: str) -> Problem:
    """More requests wait than this server wants to promise an answer to."""
    return Problem(429, "rate_limit_error", message, headers={"Retry-After": str(RETRY_SOON_S)})


def from_engine(event: Failed) -> Problem:
    """What the client is told when the engine refuses or loses a request."""
    if event.kind == "context":
        facts = {"n_prompt_tokens": event.n_prompt, "n_ctx": event.n_ctx}
        return Problem(400, "exceed_context_size_error", event.message, facts=facts)
    if event.kind in ("invalid", "missing", "poison"):  # to repeat any of these would not help
        return invalid(event.message)
    if event.kind == "busy":
        return busy(event.message)
    if event.kind == "internal":
        return Problem(500, "server_error", event.message)
    return unavailable(event.message, RETRY_SOON_S)
