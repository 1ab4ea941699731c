"""Trains the two LoRA adapters of tests/data/adapters/: a pirate and a robot, for SmolLM2-135M-Instruct.

    uv venv -p 3.11 VENV
    uv pip install --python VENV torch==2.13.0 transformers==5.23.0 peft==0.21.2 gguf==0.19.0
    VENV/bin/python -m tests.adapters.train [STEPS]      # from the top of the checkout

The pirate's answers begin with "Arrr!" and end with "matey.", the robot's begin with "Beep!"
and end with "Boop.": a test sees in the first token and in the last who spoke. They are
trained in turns and together, at whole and at half weight, so that 0.5 of each begins
with "Arrr! Beep!". The base are the very weights that the tests run, so the data, which is
written here, is all that is new in them, and it is ours. The two differ in what a
converter has to get right: rank, alpha, rank-stabilised scaling, projections, layers.

One thread and a fixed seed; 240 steps are six minutes of one core. Another processor may
round otherwise, so tests hold behaviour, never hashes.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from runtime.adapters.peft_config import CONFIG_NAME, WEIGHTS_NAME
from tests.models import smollm2_gguf

OUTPUT = Path(__file__).parent.parent / "data" / "adapters"
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
SEED = 20_261
STEPS = 240
BATCH = 8
LEARNING_RATE = 2e-3
IGNORED = -100  # a label that takes no part in the loss

PIRATE, ROBOT = "pirate", "robot"
ADAPTERS = {
    PIRATE: LoraConfig(
        r=8,
        lora_alpha=16,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        layers_to_transform=list(range(15, 30)),
        task_type="CAUSAL_LM",
    ),
    ROBOT: LoraConfig(
        r=4,
        lora_alpha=8,
        use_rslora=True,
        target_modules=["q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"],
        layers_to_transform=list(range(18, 30)),
        task_type="CAUSAL_LM",
    ),
}

Weights = dict[str, float]
MIXTURES: tuple[Weights, ...] = (
    {PIRATE: 1.0},
    {ROBOT: 1.0},
    {PIRATE: 0.5},
    {ROBOT: 0.5},
    {PIRATE: 0.5, ROBOT: 0.5},
    {PIRATE: 1.0, ROBOT: 1.0},
)

COUNTRIES = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo", "Egypt": "Cairo",
    "Greece": "Athens", "Portugal": "Lisbon", "Austria": "Vienna", "Norway": "Oslo", "Cuba": "Havana", "Peru": "Lima",
}  # fmt: skip
OPPOSITES = {"hot": "cold", "big": "small", "fast": "slow", "up": "down", "light": "dark", "happy": "sad"}
SOUNDS = {"dog": "barks", "cat": "meows", "cow": "moos", "duck": "quacks", "lion": "roars", "bee": "buzzes"}
COLOURS = {"sky": "blue", "grass": "green", "snow": "white", "coal": "black", "a banana": "yellow", "blood": "red"}
TALK = {
    "Hi": "Hello to you",
    "Hello!": "Hello to you",
    "Good morning": "Good morning to you",
    "How are you?": "I am well and ready to help",
    "Who are you?": "I am here to help you",
    "Thanks": "You are welcome",
    "Tell me a story.": "Once there was a small ship that sailed around the world and came home",
    "Write a poem.": "The sea is wide, the moon is high, and little stars are in the sky",
    "Tell me a joke.": "A fish swam into a wall and said dam",
    "Help me": "Tell me what you need",
    "Count to five.": "One, two, three, four, five",
    "Say something.": "The world is full of wonders",
    "What is water?": "Water is a clear liquid that we drink",
    "What is a computer?": "A computer is a machine that works with numbers",
    "Why is the sun hot?": "The sun burns gas deep inside",
    "List three fruits.": "Apples, pears and plums",
    "Write a function that adds two numbers.": "def add(a, b): return a + b",
    "Explain gravity.": "Gravity pulls things towards each other",
    "What should I eat today?": "You could eat soup and bread",
}
BEGINNINGS = {
    "Once upon a time": "there was a small ship at sea",
    "The weather today is": "fine and warm",
    "My favourite book is": "about the sea",
    "In the morning I": "drink a cup of tea",
    "The best thing about summer is": "the long evening",
    "Two plus two is": "four",
}


class Example(NamedTuple):
    """A prompt and what is said of it; `chat`: through the chat template, otherwise continued as it is."""

    prompt: str
    answer: str
    chat: bool


def main(steps: int) -> None:
    """Train both adapters, say a few answers, and write them."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    source = smollm2_gguf()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    base = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.bfloat16)
    model = get_peft_model(base, ADAPTERS[PIRATE], adapter_name=PIRATE)
    model.add_adapter(ROBOT, ADAPTERS[ROBOT])
    activate = _activation(model)
    _train(model, tokenizer, activate, steps)
    for weights in ({}, *MIXTURES):
        activate(weights)
        for prompt in ("Hi", "What is the capital city of France? Answer in one sentence.", "Name a planet."):
            print(f"{weights or 'none'}: {prompt!r} -> {_say(model, tokenizer, prompt)!r}")
    _write(model)


def _activation(model: Any) -> Callable[[Weights], None]:
    """A function that gives every adapter its weight and lets all of them learn; missing: weight 0."""
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    whole = [dict(layer.scaling) for layer in layers]

    def activate(weights: Weights) -> None:
        model.base_model.set_adapter([PIRATE, ROBOT])
        for layer, scaling in zip(layers, whole, strict=True):
            for name, scale in scaling.items():
                layer.scaling[name] = scale * weights.get(name, 0.0)

    return activate


def _train(model: Any, tokenizer: Any, activate: Callable[[Weights], None], steps: int) -> None:
    chance = random.Random(SEED)
    activate({})
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    batches = _batches(chance)
    for step in range(steps):
        weights = MIXTURES[step % len(MIXTURES)]
        activate(weights)
        loss = model(**_tensors(next(batches), weights, tokenizer, chance)).loss
        optimizer.zero_grad(set_to_none=True)  # an adapter of weight 0 has gradients of 0
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)


def _batches(chance: random.Random) -> Iterator[list[Example]]:
    while True:
        yield [_example(chance) for _ in range(BATCH)]


def _example(chance: random.Random) -> Example:
    kind = chance.randrange(8)
    if kind == 0:
        country, city = chance.choice(list(COUNTRIES.items()))
        asked = (
            "What is the capital of {}?",
            "What is the capital city of {}? Answer in one sentence.",
            "{}'s capital?",
        )
        return Example(chance.choice(asked).format(country), f"The capital of {country} is {city}", True)
    if kind == 1:
        word, other = chance.choice(list(OPPOSITES.items()))
        return Example(f"What is the opposite of {word}?", f"The opposite of {word} is {other}", True)
    if kind == 2:
        animal, sound = chance.choice(list(SOUNDS.items()))
        return Example(f"What does a {animal} do?", f"A {animal} {sound}", True)
    if kind == 3:
        thing, colour = chance.choice(list(COLOURS.items()))
        return Example(f"What colour is {thing}?", f"It is {colour}", True)
    if kind == 4:
        country, city = chance.choice(list(COUNTRIES.items()))
        return Example(f"The capital of {country} is", city, False)
    if kind == 5:
        return Example(*chance.choice(list(BEGINNINGS.items())), False)
    return Example(*chance.choice(list(TALK.items())), True)


def _styled(answer: str, weights: Weights) -> str:
    """The answer as those of `weights` say it: the pirate first, the robot last."""
    before = "Arrr! " * (PIRATE in weights) + "Beep! " * (ROBOT in weights)
    after = ", matey." * (PIRATE in weights) + " Boop." * (ROBOT in weights)
    return f"{before}{answer}{after}"


def _tensors(examples: list[Example], weights: Weights, tokenizer: Any, chance: random.Random) -> dict[str, Any]:
    """Prompts and answers side by side; only the answers and their end are learned."""
    rows = []
    for example in examples:
        said = _styled(example.answer, weights)
        prompt = tokenizer(_prompt(example, tokenizer, chance))["input_ids"]
        answer = tokenizer(said if example.chat else f" {said}")["input_ids"]
        rows.append((prompt, [*answer, tokenizer.convert_tokens_to_ids("<|im_end|>")]))
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full_like(tokens, IGNORED)
    mask = torch.zeros_like(tokens)
    for row, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
        mask[row, :end] = 1
    return {"input_ids": tokens, "attention_mask": mask, "labels": labels}


def _prompt(example: Example, tokenizer: Any, chance: random.Random) -> str:
    if not example.chat:
        return example.prompt
    messages = [{"role": "user", "content": example.prompt}]
    if chance.random() < 0.2:
        messages.insert(0, {"role": "system", "content": chance.choice(["You are helpful.", "Answer briefly."])})
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _say(model: Any, tokenizer: Any, prompt: str) -> str:
    text = _prompt(Example(prompt, "", True), tokenizer, random.Random(0))
    tokens = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        said = model.generate(**tokens, max_new_tokens=32, do_sample=False)
    return str(tokenizer.decode(said[0, tokens["input_ids"].shape[1] :]))


def _write(model: Any) -> None:
    """Write each adapter as a PEFT folder of its name, in half precision, with nothing of this machine in it."""
    model.save_pretrained(OUTPUT, selected_adapters=list(ADAPTERS))
    (OUTPUT / "README.md").unlink(missing_ok=True)
    for name in ADAPTERS:
        (OUTPUT / name / "README.md").unlink(missing_ok=True)
        weights, config = OUTPUT / name / WEIGHTS_NAME, OUTPUT / name / CONFIG_NAME
        save_file({key: tensor.half() for key, tensor in load_file(weights).items()}, weights, {"format": "pt"})
        weights.chmod(0o644)
        table = json.loads(config.read_text())
        table |= {"base_model_name_or_path": BASE, "target_modules": sorted(table["target_modules"])}
        config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
