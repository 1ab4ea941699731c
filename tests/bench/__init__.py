"""Side by side with llama-server: the same model, machine and minute, as ratios."""
