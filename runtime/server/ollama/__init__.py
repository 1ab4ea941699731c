"""Ollama's dialect: generate, chat, embed, and what its clients ask about models."""

from runtime.server.ollama import chat, embed, generate, listing, packed, show, status
from runtime.server.ollama.dialect import OLLAMA
from runtime.server.ollama.status import is_running
from runtime.server.route import Route

__all__ = ["ROUTES", "is_running"]

ROUTES = [
    Route(
        method="POST",
        paths=("/api/generate",),
        handler=generate.answer,
        dialect=OLLAMA,
        body=generate.GenerateBody,
        answer=generate.GenerateAnswer,
        stream="ndjson",
    ),
    Route(
        method="POST",
        paths=("/api/chat",),
        handler=chat.answer,
        dialect=OLLAMA,
        body=chat.ChatBody,
        answer=chat.ChatAnswer,
        stream="ndjson",
    ),
    Route(
        method="POST",
        paths=("/api/embed",),
        handler=embed.answer,
        dialect=OLLAMA,
        body=embed.EmbedBody,
        answer=embed.EmbedAnswer,
    ),
    Route(
        method="POST",
        paths=("/api/embeddings",),
        handler=embed.answer_old,
        dialect=OLLAMA,
        body=embed.EmbeddingsBody,
        answer=embed.EmbeddingsAnswer,
    ),
    Route(method="GET", paths=("/api/tags",), handler=listing.tags, dialect=OLLAMA, answer=listing.Listing),
    Route(method="GET", paths=("/api/ps",), handler=listing.running, dialect=OLLAMA, answer=listing.LoadedListing),
    Route(
        method="POST",
        paths=("/api/show",),
        handler=show.answer,
        dialect=OLLAMA,
        body=show.ShowBody,
        answer=show.ShowAnswer,
    ),
    Route(method="GET", paths=("/api/version",), handler=status.version, dialect=OLLAMA, answer=status.VersionAnswer),
    Route(
        method="POST",
        paths=("/api/pull",),
        handler=packed.pull,
        dialect=OLLAMA,
        body=packed.NamedBody,
        answer=packed.Status,
        stream="ndjson",
    ),
    Route(method="POST", paths=("/api/push",), handler=packed.push, dialect=OLLAMA, body=packed.NamedBody),
    Route(method="POST", paths=("/api/create",), handler=packed.create, dialect=OLLAMA, body=packed.NamedBody),
    Route(method="POST", paths=("/api/copy",), handler=packed.copy, dialect=OLLAMA, body=packed.CopyBody),
    Route(method="DELETE", paths=("/api/delete",), handler=packed.delete, dialect=OLLAMA, body=packed.NamedBody),
    Route(method="HEAD", paths=("/api/blobs/{digest}",), handler=packed.find_blob, dialect=OLLAMA),
    Route(method="POST", paths=("/api/blobs/{digest}",), handler=packed.keep_blob, dialect=OLLAMA),
]
