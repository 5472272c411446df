"""Damage a checkpoint for a negative control: the final norm's first gain grows by 5 per cent. damage.py DIR"""
import sys

from safetensors.torch import load_file, save_file

name = sys.argv[1] + "/model.safetensors"
tensors = load_file(name)
tensors["model.norm.weight"][0] *= 1.05
save_file(tensors, name, metadata={"format": "pt"})
