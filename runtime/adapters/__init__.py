"""LoRA adapters: read, converted, checked and found by name; standard library only.

An adapter is a GGUF file, or a folder as PEFT writes it (adapter_config.json and
adapter_model.safetensors), which `peft` converts. Nothing native sees one before `check`
has held every tensor against the model's.
"""
