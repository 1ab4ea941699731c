"""What the original makes of texts, by transformers: `python original.py WHAT FOLDER`, texts as JSON on stdin.

Runs in the isolated environment of conversions. vectors: the mean of the tokens' states, of length one. texts: what the
model goes on with, N tokens at a temperature of 0.
"""

import json
import sys

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

N = 48


def vectors(folder: str, texts: list[str]) -> list[list[float]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    found = []
    with torch.inference_mode():
        for text in texts:
            states = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=512)).last_hidden_state
            found.append(torch.nn.functional.normalize(states[0].mean(dim=0), dim=0).tolist())
    return found


def texts(folder: str, prompts: list[str]) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    with torch.inference_mode():
        for prompt in prompts:
            asked = tokenizer(prompt, return_tensors="pt")
            answer = model.generate(**asked, max_new_tokens=N, do_sample=False, pad_token_id=0)
            found.append(answer[0][asked["input_ids"].shape[1] :].tolist())
    return found


if __name__ == "__main__":
    json.dump({"vectors": vectors, "texts": texts}[sys.argv[1]](sys.argv[2], json.load(sys.stdin)), sys.stdout)
