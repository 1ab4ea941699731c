"""Reads the publisher's icon, and refuses what is none: PNG or SVG by content, bounded, alone.

An SVG is a program as much as a picture. Only elements that draw may stand in it, and every reference
must lead to a part of itself: no scripts, no events, no pictures, fonts or styles from elsewhere.
"""

import re
import struct
import zlib
from pathlib import Path
from xml.parsers import expat

from runtime.errors import UsageError
from runtime.payload.assistant import MAX_ICON_BYTES

MIN_SIDE, MAX_SIDE = 16, 1024
MAX_ELEMENTS = 10_000

_PNG = b"\x89PNG\r\n\x1a\n"
_NAMESPACE = "http://www.w3.org/2000/svg"
_DRAWING = frozenset(
    """svg g defs symbol use title desc style path rect circle ellipse line polyline polygon text tspan
    linearGradient radialGradient stop pattern clipPath mask marker filter feBlend feColorMatrix feComponentTransfer
    feComposite feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology
    feOffset feTile feTurbulence""".split()
)
_FOREIGN = re.compile(r"""(url|src)\s*\((?!\s*["']?\s*\#)|image(-set)?\s*\(|cross-fade\s*\(|@|\\""", re.IGNORECASE)
"""In CSS: what may fetch something, and escapes, which could hide it."""


def read(path: Path) -> tuple[bytes, str]:
    """The bytes of an icon, and what its name ends with: `.png` or `.svg`. Raises: UsageError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ICON_BYTES + 1)
    except OSError as error:
        raise _refusal(path, (error.strerror or str(error)).lower()) from error
    if len(content) > MAX_ICON_BYTES:
        raise _refusal(path, f"it has more than {MAX_ICON_BYTES >> 10} KiB")
    try:
        if content.startswith(_PNG):
            _check_png(content)
            return content, ".png"
        _Svg().check(content)
    except ValueError as error:
        raise _refusal(path, str(error)) from error
    return content, ".svg"


def _refusal(path: Path, reason: str) -> UsageError:
    return UsageError(f"Reading the icon `{path}`: {reason}; give a PNG or a plain SVG.")


def _check_png(content: bytes) -> None:
    """Whole chunks with right checksums, a sensible size, pixels, an end, and nothing behind it."""
    at = len(_PNG)
    kinds: list[bytes] = []
    while at < len(content) and kinds[-1:] != [b"IEND"]:
        size = int.from_bytes(content[at : at + 4], "big")
        kind, data, check = content[at + 4 : at + 8], content[at + 8 : at + 8 + size], content[at + 8 + size :][:4]
        if check != zlib.crc32(kind + data).to_bytes(4, "big"):
            raise ValueError(f"it is damaged at byte {at}")
        if not kinds:
            _check_sides(kind, data)
        kinds.append(kind)
        at += 12 + size
    if at != len(content) or kinds[-1:] != [b"IEND"] or b"IDAT" not in kinds:
        raise ValueError("it is no whole PNG, or there is something behind it")


def _check_sides(kind: bytes, data: bytes) -> None:
    if kind != b"IHDR" or len(data) != 13:
        raise ValueError("it is no PNG")
    width, height = struct.unpack(">2I", data[:8])
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ValueError(f"it measures {width} x {height} pixels, and {MIN_SIDE} to {MAX_SIDE} are possible")


class _Svg:
    """Walks over a document and raises a ValueError at what an icon does not need."""

    def __init__(self) -> None:
        self._style: list[str] | None = None
        self._n_elements = 0
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def check(self, content: bytes) -> None:
        """Raise a ValueError for what is no SVG or does more than draw."""
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            raise ValueError(f"it is neither a PNG nor an SVG ({error})") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        self._n_elements += 1
        if self._n_elements == 1 and (namespace, element) != (_NAMESPACE, "svg"):
            raise ValueError("it is no SVG")
        if namespace != _NAMESPACE or element not in _DRAWING or self._style is not None:
            raise ValueError(f"it holds <{element}>, which an icon does not need")
        if self._n_elements > MAX_ELEMENTS:
            raise ValueError(f"it has more than {MAX_ELEMENTS} elements")
        for attribute, value in attributes.items():
            _check_attribute(attribute.rpartition(" ")[2], value)
        self._style = [] if element == "style" else None

    def _end(self, _name: str) -> None:
        if self._style is not None:
            _check_style("".join(self._style))
        self._style = None

    def _text(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)

    def _instruction(self, target: str, _data: str) -> None:
        raise ValueError(f"it holds the instruction <?{target}?>")

    def _doctype(self, name: str, *_: object) -> None:
        raise ValueError(f"it begins with <!DOCTYPE {name}>, which may refer to other files")


def _check_attribute(name: str, value: str) -> None:
    if name.lower().startswith("on"):
        raise ValueError(f"it holds the script `{name}`")
    if name.lower() in ("href", "src", "base") and not value.startswith("#"):
        raise ValueError(f"it refers to `{value[:40]}`")
    _check_style(value)


def _check_style(text: str) -> None:
    """CSS, or an attribute that may hold some: it refers to parts of this file alone."""
    if _FOREIGN.search(text):
        raise ValueError(f"its style may refer to other files: `{text.strip()[:40]}`")
