"""LoRAX's dialect: how its clients read a refusal, and the limits that it tells them."""

from runtime.server.dialect import Dialect, ErrorBody
from runtime.server.problem import Problem
from runtime.server.sse import Style

MAX_BEST_OF = 2
MAX_STOP_SEQUENCES = 16
MAX_ALTERNATIVES = 20
MAX_MERGED_ADAPTERS = 64
"""LoRAX's own defaults, or above them."""

VALIDATION = "validation"
ERROR_TYPES = {
    401: "authentication",
    403: "permission",
    404: "not_found",
    424: "generation",
    429: "overloaded",
    500: "incomplete_generation",
    503: "healthcheck",
}
"""By status; its Python client makes exceptions of these words. All others are faults of the request."""


def no_such_adapter(message: str) -> Problem:
    """The adapter is not here, or cannot be used with this model."""
    return Problem(424, "adapter_error", message)


def _status(problem: Problem) -> int:
    return 422 if problem.status == 400 else problem.status


def _error(problem: Problem, request_id: str) -> ErrorBody:
    kind = ERROR_TYPES.get(problem.status, VALIDATION)
    prefix = "Input validation error: " if kind == VALIDATION else ""
    return {"error": prefix + problem.message, "error_type": kind}


LORAX = Dialect(name="LoRAX", error=_error, status=_status)
STYLE = Style()
"""No comments and no last word: its client takes every `data:` line for a token."""
