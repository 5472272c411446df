"""files.py FOLDER: what from_pretrained and generate look for in a checkpoint's folder, against what famkit knows of.

A name on the list that nothing looked for is as wrong as one that is missing: the list would then not be what it says.
"""
import builtins
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers

# As fileRules in internal/arch/sidefiles.go; "" and "/" are the folder and its listing.
KNOWN = {"", "/", "/config.json", "/generation_config.json", "/model.safetensors", "/custom_generate/generate.py",
         "/adapter_config.json", "/adapter_model.safetensors", "/adapter_model.bin"}
MUST = {"/config.json", "/generation_config.json", "/model.safetensors", "/custom_generate/generate.py"}


def watch(folder):
    """The names that are looked for below a folder, as they come."""
    seen = set()

    def wrap(module, name):
        f = getattr(module, name)

        def asked(path, *args, **kwargs):
            try:
                text = os.fspath(path)
                if isinstance(text, str) and text.startswith(folder):
                    seen.add(text[len(folder):])
            except TypeError:
                pass  # a file's number
            return f(path, *args, **kwargs)

        setattr(module, name, asked)

    for module, name in ((os.path, "isfile"), (os.path, "exists"), (os.path, "isdir"), (os, "listdir"), (os, "scandir"),
                         (os, "stat"), (builtins, "open")):
        wrap(module, name)
    return seen


def main():
    seen = watch(sys.argv[1])
    for trust in (False, True):
        model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=trust)
        model.generate(torch.arange(3, 9)[None], max_new_tokens=3)
    names = ", ".join(sorted(s for s in seen if s))
    print(f"transformers {transformers.__version__} looks for {len(seen)} names: {names}")
    for s in sorted(seen - KNOWN):
        print(f"{s}: famkit does not know that it is looked for")
    for s in sorted(MUST - seen):
        print(f"{s}: is not looked for, so this check sees nothing")
    return 1 if seen - KNOWN or MUST - seen else 0


sys.exit(main())
