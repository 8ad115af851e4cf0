"""From Hugging Face checkpoints to a model store: export, quantise, check, write."""
