"""Parts of the comparison of `percept pull` with huggingface_hub."""
