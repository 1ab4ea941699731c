"""Reads adapter_config.json: how strongly a PEFT adapter is applied, and whether it is a plain LoRA at all.

Every variant that a sum of two matrices cannot express is refused by its name.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from runtime.adapters.safetensors import open_regular, refuse_pickle, unique_keys
from runtime.errors import AdapterInvalid, AdapterUnsupported

CONFIG_NAME = "adapter_config.json"
WEIGHTS_NAME = "adapter_model.safetensors"
PICKLE_NAME = "adapter_model.bin"
MAX_CONFIG_BYTES = 1 << 20
MAX_ALPHA = 1e6
MAX_PATTERNS = 4096

REFUSED = {
    "use_dora": "it was trained with DoRA, which also changes the length of weights",
    "use_qalora": "it was trained with QALoRA, which pools its input",
    "use_bdlora": "it was trained with block-diagonal LoRA",
    "fan_in_fan_out": "its weights are stored turned (fan_in_fan_out)",
    "lora_bias": "it also changes biases (lora_bias)",
    "modules_to_save": "it also replaces whole modules (modules_to_save)",
    "trainable_token_indices": "it also changes embeddings (trainable_token_indices)",
    "target_parameters": "it changes parameters that are no modules (target_parameters)",
    "layer_replication": "it adds layers to its model (layer_replication)",
    "alora_invocation_tokens": "it is an activated LoRA, which changes only what follows certain words",
    "arrow_config": "it routes between several adapters (arrow)",
    "kasa_config": "it was trained with KaSA, which changes its model",
    "monteclora_config": "it was trained with MonteCLoRA, which draws its weights",
}
CHANGED_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways to begin that subtract something from the model itself, so that the adapter fits no other."""

_PATTERN = re.compile(r"\^?[A-Za-z0-9_.]{1,200}")


class PeftConfig(NamedTuple):
    """`alpha` over the rank is what the weights are multiplied with, over its root if `rank_stabilised`.

    alphas: those of single modules, by the end of their names.
    """

    alpha: float
    rank: int
    rank_stabilised: bool
    alphas: dict[str, float]

    @property
    def written_alpha(self) -> float:
        """What a GGUF says once for all tensors; the engine divides it by each one's rank."""
        return self._times_rank(self.alpha, self.rank)

    def factor(self, module: str, rank: int) -> float:
        """What a module's weights have to be multiplied with, beside `written_alpha` over `rank`."""
        return self._times_rank(self._alpha(module), rank) / self.written_alpha

    def _alpha(self, module: str) -> float:
        for pattern, alpha in self.alphas.items():
            anchored, name = pattern.startswith("^"), pattern.removeprefix("^")
            if module == name or (not anchored and module.endswith(f".{name}")):
                return alpha
        return self.alpha

    def _times_rank(self, alpha: float, rank: int) -> float:
        return alpha * math.sqrt(rank) if self.rank_stabilised else alpha


def is_peft(folder: Path) -> bool:
    """Whether `folder` holds an adapter as PEFT writes it."""
    return (folder / CONFIG_NAME).is_file()


def read_config(folder: Path) -> PeftConfig:
    """Read the configuration in `folder`.

    Raises: AdapterNotFound; AdapterInvalid; AdapterUnsupported with the name of what it needs.
    """
    path = folder / CONFIG_NAME
    table = _table(path)
    kind = table.get("peft_type")
    if kind != "LORA":
        raise AdapterUnsupported(folder, f"it is of the type `{str(kind)[:40]}`")
    for key, reason in REFUSED.items():
        if table.get(key):
            raise AdapterUnsupported(folder, reason)
    if table.get("bias", "none") != "none":
        raise AdapterUnsupported(folder, "it also changes biases")
    begun = table.get("init_lora_weights")
    if isinstance(begun, str) and begun.lower().startswith(CHANGED_BASE):
        raise AdapterUnsupported(folder, f"its training began with {begun[:20]}, which changes the model itself")
    rank = table.get("r")
    if type(rank) is not int or not 1 <= rank <= 1 << 16:
        raise AdapterInvalid(path, f"`r` is {str(rank)[:40]}, not a rank")
    return PeftConfig(
        alpha=_alpha(path, "lora_alpha", table.get("lora_alpha")),
        rank=rank,
        rank_stabilised=table.get("use_rslora") is True,
        alphas=_alphas(path, table.get("alpha_pattern") or {}),
    )


def _table(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        data = file.read(MAX_CONFIG_BYTES + 1)
    refuse_pickle(path, data)
    if len(data) > MAX_CONFIG_BYTES:
        raise AdapterInvalid(path, f"it is longer than {MAX_CONFIG_BYTES >> 20} MiB")
    try:
        table = json.loads(data, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise AdapterInvalid(path, f"it is not JSON ({str(error)[:100]})") from error
    if not isinstance(table, dict):
        raise AdapterInvalid(path, "it is not a table")
    return table


def _alphas(path: Path, table: object) -> dict[str, float]:
    """The alphas of single modules. PEFT takes any regular expression for a name; here it has to be one name."""
    if not isinstance(table, dict) or len(table) > MAX_PATTERNS:
        raise AdapterInvalid(path, "`alpha_pattern` is not a table")
    for pattern in table:
        if not _PATTERN.fullmatch(pattern):
            raise AdapterUnsupported(path, f"`alpha_pattern` has `{pattern[:60]}`, which is not the name of a module")
    return {pattern: _alpha(path, "alpha_pattern", alpha) for pattern, alpha in table.items()}


def _alpha(path: Path, key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= MAX_ALPHA:
        raise AdapterInvalid(path, f"`{key}` is {str(value)[:40]}, not a number above 0 and up to {MAX_ALPHA:.0f}")
    return float(value)
