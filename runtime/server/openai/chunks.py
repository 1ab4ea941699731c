"""What OpenAI's ways of completing have in common: the frame of an answer, how it ends, how likely its tokens were."""

import secrets
import time
from collections.abc import Mapping, Sequence

from runtime.engine.protocol import FinishReason, TokenProbability
from runtime.server.openai.chat_request import ChatBody
from runtime.server.probabilities import drawn_token
from runtime.server.service import Service
from runtime.server.spoken import Ending
from runtime.server.sse import PING, Style

STYLE = Style(done=b"data: [DONE]\n\n", ping=PING)
JSON_ONLY = Style()
"""For clients that can read neither comments nor `[DONE]`."""

_FINISH_REASONS: Mapping[str, str] = {"stop": "stop", "word": "stop", "length": "length", "calls": "tool_calls"}


def finish_reason(ending: Ending | FinishReason, *, has_functions: bool = False) -> str:
    """OpenAI's word; has_functions: tools were offered in their older form."""
    return "function_call" if has_functions and ending == "calls" else _FINISH_REASONS[ending]


def frame(service: Service, kind: str, prefix: str) -> dict[str, object]:
    """The keys that a whole answer and each of its chunks carry."""
    return {
        "id": f"{prefix}-{secrets.token_urlsafe(18)}",
        "object": kind,
        "created": int(time.time()),
        "model": service.options.alias,
        "system_fingerprint": service.options.build,
    }


def token_logprobs(probabilities: Sequence[TokenProbability], body: ChatBody) -> dict[str, object]:
    """The `logprobs` of a chat's choice."""
    n_top, after_sampling = body.top_logprobs or 0, bool(body.post_sampling_probs)
    return {"content": [drawn_token(drawn, n_top, after_sampling) for drawn in probabilities], "refusal": None}
