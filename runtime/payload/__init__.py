"""The format of an executable, read side: footer, manifest, members. docs/FORMAT.md describes it.

    [launcher | zip: members…, manifest.json | central directory | end record with the footer]

The packer (bundler/container.py) writes with the same records.
"""

from runtime.payload.assistant import Assistant, Message
from runtime.payload.footer import FOOTER_BYTES, Footer
from runtime.payload.manifest import (
    APP_PREFIX,
    MANIFEST_NAME,
    RUNTIME_NAME,
    Adapter,
    Manifest,
    Member,
    Model,
    Sidecar,
    Span,
    State,
)
from runtime.payload.reader import Finding, Payload

__all__ = [
    "APP_PREFIX",
    "FOOTER_BYTES",
    "MANIFEST_NAME",
    "RUNTIME_NAME",
    "Adapter",
    "Assistant",
    "Finding",
    "Footer",
    "Manifest",
    "Member",
    "Message",
    "Model",
    "Payload",
    "Sidecar",
    "Span",
    "State",
]
