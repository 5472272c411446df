"""Damage a checkpoint for a negative control: the final norm's first gain grows by 5 per cent. damage.py DIR"""
import sys

from safetensors.torch import load_file, save_file

FINAL_NORMS = ("model.norm.weight", "transformer.ln_f.weight", "gpt_neox.final_layer_norm.weight")


def damage(path):
    name = path + "/model.safetensors"
    tensors = load_file(name)
    norm = next(n for n in FINAL_NORMS if n in tensors)
    tensors[norm][0] = tensors[norm][0] * 1.05 + 0.01  # Gemma stores gains less one, which may be zero
    save_file(tensors, name, metadata={"format": "pt"})


if __name__ == "__main__":
    damage(sys.argv[1])
