"""Which files of a repository are the model: one GGUF with all its shards, or safetensors with what explains them.

Pickles (`*.bin`, `*.pt`) are programs: they are never taken, whatever else is there.
"""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from bundler.sources.hub_name import HubName
from runtime.errors import ModelNotFound, ModelUnsupported

DEFAULT_QUANTS = ("Q4_K_M", "Q8_0")
EYES, DEFAULT_EYES = "mmproj", ("F16", "BF16", "Q8_0")
"""What projects pictures into a model's space: the role, what names hold, and which one of several."""
BESIDE_A_MODEL = ("mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-")
"""In the names of GGUFs that are no models of their own."""
MAX_NAMED = 12
MAX_TEXT_BYTES = 1 << 20

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
WEIGHTS, ADAPTER_WEIGHTS = "model.safetensors", "adapter_model.safetensors"
WITH_WEIGHTS = frozenset(
    f"{CONFIG} {ADAPTER_CONFIG} generation_config.json tokenizer.json tokenizer.model tokenizer_config.json "
    "special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt spiece.model sentencepiece.bpe.model "
    "tekken.json params.json chat_template.json chat_template.jinja preprocessor_config.json processor_config.json "
    "modules.json sentence_bert_config.json config_sentence_transformers.json README.md".split()
)

_LICENCE = re.compile(r"(LICEN|COPYING|NOTICE|USE_POLICY)[^/.]*(\.(txt|md|rst))?", re.IGNORECASE)
_ALSO_WITH_WEIGHTS = re.compile(r"[^/]+\.tiktoken|[0-9]_[A-Za-z]+/(config\.json|model\.safetensors)")
_PACKED = (".gguf", ".llamafile")
_SAFETENSORS = ".safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_SHARD = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})\.gguf")
_WEIGHT_SHARD = re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")
_QUANT = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]_[A-Z0-9_]+|BF16|FP?16|FP?32|MXFP4\w*|NVFP4|TQ[12]_0))(?=[.-])", re.IGNORECASE
)


class Entry(NamedTuple):
    """A file of a repository. sha256: in hex, of a large one; blob: the id that git gives it."""

    path: str
    size_bytes: int
    sha256: str
    blob: str

    @property
    def etag(self) -> str:
        """What the hub and its cache call this content."""
        return self.sha256 or self.blob


class Listing(NamedTuple):
    """The files of a repository at one commit. license: as its card says; empty: it does not."""

    repo: str
    commit: str
    license: str
    entries: tuple[Entry, ...]


class Choice(NamedTuple):
    """The files to take; the first one is the model, unless they make up a folder. texts: licences besides them."""

    files: tuple[Entry, ...]
    is_folder: bool
    texts: tuple[Entry, ...] = ()

    @property
    def all(self) -> tuple[Entry, ...]:
        """Everything that is fetched."""
        return (*self.files, *self.texts)


def chosen(listing: Listing, name: HubName, role: str = "") -> Choice:
    """The files that `name` means, of a model in `role`. Raises: ModelNotFound with what there is; ModelUnsupported."""
    packed = _packed(listing, name, role)
    if not packed:
        return Choice(_folder(listing, name), is_folder=True)
    texts = [
        entry for entry in listing.entries if _LICENCE.fullmatch(entry.path) and entry.size_bytes <= MAX_TEXT_BYTES
    ]
    return Choice(_shards(listing, name, packed), is_folder=False, texts=tuple(texts))


def title(entry: Entry) -> str:
    """What a file is called without its ending and its number among shards."""
    shard = _SHARD.fullmatch(entry.path)
    path = shard[1] if shard else entry.path.rpartition(".")[0]
    return path.rpartition("/")[2]


def _packed(listing: Listing, name: HubName, role: str) -> Entry | None:
    """The one file that is the model, or one shard of it; None: there is no such file, but maybe safetensors."""
    if name.file:
        return _named(listing, name)
    if role == EYES:
        eyes = [entry for entry in listing.entries if entry.path.endswith(".gguf") and EYES in entry.path.lower()]
        if not eyes:
            raise ModelNotFound(name.text, f"the repository has no {EYES}", "choose another one, or go without")
        return _quantized(eyes, name, DEFAULT_EYES)
    models = [entry for entry in listing.entries if _is_model(entry.path)]
    return _quantized(models, name) if models else None


def _named(listing: Listing, name: HubName) -> Entry:
    if not name.file.endswith(_PACKED):
        raise ModelUnsupported(
            name.text, f"only .gguf and .llamafile files can be named; safetensors are `hf:{name.repo}`"
        )
    found = next((entry for entry in listing.entries if entry.path == name.file), None)
    if found:
        return found
    there = [entry.path for entry in listing.entries if entry.path.endswith(_PACKED)]
    near = difflib.get_close_matches(name.file, there, n=1)
    hint = f"write `{near[0]}`, or see" if near else "see"
    raise ModelNotFound(name.text, "the repository has no such file", f"{hint} what `hf:{name.repo}` has")


def _is_model(path: str) -> bool:
    base = path.rpartition("/")[2].lower()
    return base.endswith(_PACKED) and not any(word in base for word in BESIDE_A_MODEL)


def _quantized(models: Sequence[Entry], name: HubName, default: Sequence[str] = DEFAULT_QUANTS) -> Entry:
    """The first model in this quantisation, or in a default one."""
    for quant in (name.quant,) if name.quant else default:
        said = re.compile(rf"(?:^|[-._/]){re.escape(quant)}[.-]", re.IGNORECASE)
        if found := next((entry for entry in models if said.search(entry.path)), None):
            return found
    if not name.quant:
        return models[0]
    there = sorted({quant.upper() for entry in models for quant in _QUANT.findall(entry.path)})
    there = there or sorted(entry.path for entry in models)
    more = f" and {len(there) - MAX_NAMED} more" if len(there) > MAX_NAMED else ""
    raise ModelNotFound(
        name.text,
        f"the repository has no GGUF in `{name.quant}`",
        f"choose one of {', '.join(there[:MAX_NAMED])}{more}",
    )


def _shards(listing: Listing, name: HubName, entry: Entry) -> tuple[Entry, ...]:
    """The file, or all shards of a split one, the first one first."""
    shard = _SHARD.fullmatch(entry.path)
    if not shard:
        return (entry,)
    by_path = {other.path: other for other in listing.entries}
    count = int(shard[3])
    paths = [f"{shard[1]}-{number:05d}-of-{shard[3]}.gguf" for number in range(1, min(count, len(by_path) + 1) + 1)]
    missing = [path for path in paths if path not in by_path]
    if missing or not paths:
        what = f"`{missing[0]}`" if missing else "its shards"
        raise ModelNotFound(name.text, f"the repository lacks {what}", "ask its publisher, or choose another file")
    return tuple(by_path[path] for path in paths)


def _folder(listing: Listing, name: HubName) -> tuple[Entry, ...]:
    """The weights in safetensors, and the texts that a converter reads."""
    by_path = {entry.path: entry for entry in listing.entries}
    weights = _weights(list(by_path))
    if not weights or not {CONFIG, ADAPTER_CONFIG} & by_path.keys():
        raise ModelUnsupported(name.text, _why_not(list(by_path)))
    if name.quant:
        raise ModelNotFound(
            name.text,
            "the repository has safetensors and no GGUF",
            f"write `hf:{name.repo}`, and what to quantise to apart from that",
        )
    also = [
        path
        for path in by_path
        if path in WITH_WEIGHTS or _ALSO_WITH_WEIGHTS.fullmatch(path) or _LICENCE.fullmatch(path)
    ]
    index = f"{WEIGHTS}.index.json"
    also += [index] if index in by_path and WEIGHTS not in weights else []
    return tuple(by_path[path] for path in sorted({*weights, *also}))


def _weights(paths: Sequence[str]) -> list[str]:
    """One set of them: repositories also hold the same in another precision or layout."""
    if WEIGHTS in paths:
        return [WEIGHTS]
    if shards := [path for path in paths if _WEIGHT_SHARD.fullmatch(path)]:
        return shards
    if ADAPTER_WEIGHTS in paths:
        return [ADAPTER_WEIGHTS]
    return [path for path in paths if path.endswith(_SAFETENSORS) and "/" not in path]


def _why_not(paths: Sequence[str]) -> str:
    if any(path.endswith(_SAFETENSORS) for path in paths):
        return f"the repository has safetensors, but no {CONFIG} that explains them"
    if any(path.endswith(_PICKLES) for path in paths):
        return "the repository has its weights only as pickles, which are programs and are never loaded"
    return "the repository has neither GGUF nor safetensors"
