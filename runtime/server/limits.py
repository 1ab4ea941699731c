"""How much and how long a client may take: every number, each with what enforces it.

Measured on aiohttp 3.14.5: left alone it waits without end for a body that was announced
and for a client that does not read, and 3,630 s for an unfinished request head.
"""

from typing import Literal

Debt = Literal["request", "body", "reading"]
"""What a connection owes while the server waits for it (connections.py)."""

# http1.py: a 400 beyond.
MAX_LINE_BYTES = 8190
MAX_HEADER_LINES = 128
MAX_HEAD_BYTES = 64 << 10

# transfer.py
MAX_BODY_BYTES = 4 << 20
SMALL_BODY_BYTES = 64 << 10
MAX_BODIES_BYTES = 64 << 20
"""Of all that are still coming and larger than small: beyond, the one that was waited for longest makes room."""
BODY_S = 30.0
BODY_SILENCE_S = 10.0
LINGER_S = 1.0
"""How long the rest of a refused body is still read, so that the refusal can be read."""

# connections.py
MAX_CONNECTIONS = 256
MAX_PER_ADDRESS = 16
"""Of another computer, unless `--max-per-address` says more; programs on this one have the other limit."""

HEAD_S = 30.0
"""For the head of a request, the TLS handshake before it, and between two requests on one connection."""

WRITE_STALL_S = 30.0
UNREAD_S = 5.0
"""How long an answer may wait for its reader once others want the place."""

KEPT_BYTES = 256 << 10
"""What the system keeps of an answer for a client that does not read; it would take 2.6 MB on loopback, for each."""

GRACE_S = 1.0

# keys.py
WRONG_KEYS_PER_S = 10
MAX_WATCHED_ADDRESSES = 1024


def patience_s(debt: Debt) -> float:
    """How long the server waits for it before it cuts the connection; the first two have gentler ends of their own."""
    return {"request": HEAD_S + GRACE_S, "body": BODY_S + GRACE_S, "reading": WRITE_STALL_S}[debt]
