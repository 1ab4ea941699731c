"""Anthropic's dialect: how its clients read a refusal.

    {"type": "error", "error": {"type": "invalid_request_error", "message": "…"}, "request_id": "…"}

A model that is not there yet is a 503, not Anthropic's own 529: its SDKs repeat both, and every proxy knows the former.
"""

from runtime.server.dialect import Dialect, ErrorBody
from runtime.server.problem import Problem

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def _error(problem: Problem, request_id: str) -> ErrorBody:
    other = "invalid_request_error" if problem.status < 500 else "api_error"
    told = {"type": TYPES.get(problem.status, other), "message": problem.message, **problem.facts}
    return {"type": "error", "error": told, "request_id": request_id}


ANTHROPIC = Dialect(name="Anthropic", error=_error, prefixes=("/v1/messages",))
