"""Makes a vision-language model of random numbers: `python small_vlm.py FOLDER TOKENIZER`, in the environment of
conversions."""

import shutil
import sys
from pathlib import Path

import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, SiglipVisionConfig

TEXT = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 8,
}


def main(folder: Path, tokenizer: Path) -> None:
    """Write the model, with a tokenizer that is as large as its vocabulary."""
    torch.manual_seed(6)
    vision = SiglipVisionConfig(**VISION, vision_use_head=False)
    config = Gemma3Config(text_config=TEXT, vision_config=vision.to_dict(), mm_tokens_per_image=16)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    shutil.copy(tokenizer, folder / "tokenizer.model")
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}')


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
