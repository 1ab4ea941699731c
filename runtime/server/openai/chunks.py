"""What OpenAI's two ways of completing have in common: the frame of an answer and how it ends."""

import secrets
import time
from collections.abc import Mapping

from runtime.engine.protocol import FinishReason
from runtime.server.service import Service
from runtime.server.sse import PING, Style

STYLE = Style(done=b"data: [DONE]\n\n", ping=PING)

FINISH_REASONS: Mapping[FinishReason, str] = {"stop": "stop", "word": "stop", "length": "length"}


def frame(service: Service, kind: str, prefix: str) -> dict[str, object]:
    """The keys that a whole answer and each of its chunks carry."""
    return {
        "id": f"{prefix}-{secrets.token_urlsafe(18)}",
        "object": kind,
        "created": int(time.time()),
        "model": service.options.alias,
        "system_fingerprint": service.options.build,
    }
