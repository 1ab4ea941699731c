"""Makes GGUF files of other formats, and of other types: what `lmfile convert` and `lmfile quantize` do."""
