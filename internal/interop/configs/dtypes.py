"""dtypes.py CONFIGS FOLDER WORK: in which types this Python's transformers holds weights, against what famkit says."""
import json
import os
import shutil
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import load_file, save_file

CONFIGS, BASE, WORK = sys.argv[1:]
HALF, BRAIN, SINGLE, DOUBLE = torch.float16, torch.bfloat16, torch.float32, torch.float64
NAMES = {HALF: "F16", BRAIN: "BF16", SINGLE: "F32", DOUBLE: "F64"}
FOUR = int(transformers.__version__.split(".")[0]) < 5

names = sorted(load_file(os.path.join(BASE, "model.safetensors")))
FIRST, LAST = names[0], names[-1]


def two(name):
    return "b.safetensors" if name == FIRST else "a.safetensors"



# What it is, the types by name ("*" for the others), the file of each tensor, metadata of the index, what config.json
# says beside the rest.
CASES = [
    ("first by name", {"*": SINGLE, FIRST: HALF}, None, None, {}),
    ("last by name", {"*": SINGLE, LAST: HALF}, None, None, {}),
    ("a single norm", {"*": BRAIN, LAST: SINGLE}, None, None, {}),
    ("first by name, in the second file", {"*": SINGLE, FIRST: HALF}, two, {}, {}),
    ("all in the second file but one", {"*": HALF, FIRST: SINGLE}, two, {}, {}),
    ("the index says", {"*": SINGLE}, two, {"dtype": "float16"}, {}),
    ("index and config say", {"*": SINGLE}, two, {"dtype": "float16"}, {"dtype": "float32"}),
    ("torch_dtype", {"*": SINGLE}, None, None, {"torch_dtype": "bfloat16"}),
    ("dtype", {"*": SINGLE}, None, None, {"dtype": "float16"}),
    ("float64", {"*": DOUBLE}, None, None, {}),
    ("float64 said", {"*": DOUBLE}, None, None, {"dtype": "float64"}),
    ("bfloat16", {"*": BRAIN}, None, None, {}),
    ("bfloat16 said, F16 stored", {"*": HALF}, None, None, {"dtype": "bfloat16"}),
]


def put(types, file_of, metadata, changes):
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    with open(os.path.join(BASE, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    for k in ("dtype", "torch_dtype"):
        config.pop(k, None)
    config.update(changes)
    with open(os.path.join(WORK, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    tensors = load_file(os.path.join(BASE, "model.safetensors"))
    tensors = {k: v.to(types.get(k, types["*"])) for k, v in tensors.items()}
    if file_of is None:
        save_file(tensors, os.path.join(WORK, "model.safetensors"), metadata={"format": "pt"})
        return
    where = {k: file_of(k) for k in tensors}
    for name in set(where.values()):
        part = {k: v for k, v in tensors.items() if where[k] == name}
        save_file(part, os.path.join(WORK, name), metadata={"format": "pt"})
    with open(os.path.join(WORK, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
        json.dump({"metadata": metadata, "weight_map": where}, f)


def loaded(**kwargs):
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(WORK, **kwargs)
    except Exception:
        return "INVALID"
    kinds = {p.dtype for p in model.parameters()}
    return NAMES[kinds.pop()] if len(kinds) == 1 else f"{len(kinds)} types"


def main():
    transformers.logging.set_verbosity(60)
    bad = 0
    for what, *how in CASES:
        put(*how)
        r = subprocess.run([CONFIGS, "loaded", WORK], capture_output=True, text=True, check=True)
        says = {x["by"]: x["dtype"] for x in json.loads(r.stdout)}
        asks = [("transformers 4", {}), ('transformers 4 with dtype="auto"', {"dtype": "auto"})] if FOUR else \
            [("transformers 5", {}), ("transformers 5", {"dtype": "auto"})]
        for by, kwargs in asks:
            got = loaded(**kwargs)
            if got != says[by]:
                bad += 1
                print(f"{what}: {by} holds {got}, famkit says {says[by]}")
    print(f"transformers {transformers.__version__}: types of weights in {len(CASES)} cases, {bad} wrong")
    return 1 if bad else 0


sys.exit(main())
