"""Anthropic's dialect: how its clients read a refusal.

    {"type": "error", "error": {"type": "invalid_request_error", "message": "…"}, "request_id": "…"}

A model that is not there yet is a 503, not Anthropic's own 529: its SDKs repeat both, and every proxy knows the former.
"""

from runtime.server.constraints import SCHEMA_FIELD
from runtime.server.dialect import Dialect, ErrorBody
from runtime.server.problem import Problem

OWN_FIELD = "`output_config.format.schema`"

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class CodedProblem(Problem):
    """A refusal that Anthropic's clients know by its code, and have an answer to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(400, "invalid_request_error", message)
        self.code = code


def _error(problem: Problem, request_id: str) -> ErrorBody:
    other = "invalid_request_error" if problem.status < 500 else "api_error"
    message = problem.message.replace(SCHEMA_FIELD, OWN_FIELD)
    told: dict[str, object] = {"type": TYPES.get(problem.status, other), "message": message, **problem.facts}
    if isinstance(problem, CodedProblem):
        told["details"] = {"error_code": problem.code}
    return {"type": "error", "error": told, "request_id": request_id}


ANTHROPIC = Dialect(name="Anthropic", error=_error, prefixes=("/v1/messages",))
