"""Whether what will be written fits on its disk: asked before the first byte, where that is cheap to know."""

import shutil
from pathlib import Path

from bundler import copying
from bundler.content import Content, pieces
from bundler.contents import Contents, Late
from bundler.places import SPARE_BYTES, Plan
from runtime.errors import DiskFull
from runtime.payload import sidecar


def check(output: Path, contents: Contents, plan: Plan) -> None:
    """Raise DiskFull if `output` and its sidecar have no room; what shares its blocks with its source needs none."""
    needed = plan.end + plan.aside_end + SPARE_BYTES
    free = shutil.disk_usage(output.parent).free
    if free < needed and copying.shares_blocks(output.parent):
        device = output.parent.stat().st_dev
        needed -= sum(_shared(part.content, device) for part in contents.parts if part.role in sidecar.ROLES)
    if free < needed:
        raise DiskFull(output, needed)


def _shared(content: Content | Late, device: int) -> int:
    """How much of weights the file system `device` need not store again: what begins at a block there."""
    if isinstance(content, Late):
        return 0
    first = next(iter(pieces(content)), b"")
    if isinstance(first, bytes) or first.offset % copying.BLOCK_BYTES:
        return 0
    return first.size if first.path.stat().st_dev == device else 0
