"""Ollama's dialect: how its clients read a refusal, and how its streams are written."""

from runtime.server.constraints import SCHEMA_FIELD
from runtime.server.dialect import Dialect, ErrorBody
from runtime.server.problem import Problem
from runtime.server.sse import Style, json_line

VERSION = "0.32.0"
"""What /api/version says: the release of Ollama whose API this is. Its clients (editors above all) compare it with the
first release that has what they need; lmfile's own version would look older than any of these."""

TAG = ":latest"
"""Stands behind the names that are listed: its clients look for `name` or `name:…`."""


def _error(problem: Problem, request_id: str) -> ErrorBody:
    return {"error": problem.message.replace(SCHEMA_FIELD, "`format`")}


def _status(problem: Problem) -> int:
    # Ollama's clients know a full queue as 503.
    return 503 if problem.status == 429 else problem.status


OLLAMA = Dialect(name="Ollama", error=_error, status=_status, prefixes=("/api/",))
STYLE = Style(write=json_line, content_type="application/x-ndjson")
