"""Makes the golden files of format's tests with the safetensors package (the Rust crate's own binding):

crate.safetensors    mixed element types and names that need care, as the crate writes them
verdicts.json        what the crate says of every file in fixtures/malformed and accepted/: null, or its message

Run in format/testdata with a Python that has safetensors 0.8.0: python golden.py
"""
import ctypes
import glob
import json
import os
import re

import safetensors

DTYPES = {  # Python's names of element types -> bits
    "bool": 8, "uint8": 8, "int8": 8, "float8_e5m2": 8, "float8_e4m3fn": 8, "float8_e8m0fnu": 8,
    "int16": 16, "uint16": 16, "float16": 16, "bfloat16": 16, "int32": 32, "uint32": 32, "float32": 32,
    "complex64": 64, "float64": 64, "int64": 64, "uint64": 64,
}


def crate_file():
    tensors, keep = {}, []

    def add(name, dtype, shape, data):
        keep.append(ctypes.create_string_buffer(data, max(len(data), 1)))
        tensors[name] = safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(keep[-1]), data_len=len(data))

    for i, (dtype, bits) in enumerate(DTYPES.items()):
        add("t.%s" % dtype, dtype, [3, 1], bytes((i * 31 + k) % 251 for k in range(3 * bits // 8)))
    names = ["a<b>&c", "__zz", "ZZ", "tab\there", 'quote"back\\slash', "line\u2028sep", "\u00e9\u4f60\U0001f600", "\x01\x1f\x7f", "/slash", "\b\f\n\r", ""]
    for i, name in enumerate(names):
        add(name, "float32", [] if i % 2 else [1, 1], bytes([i, 1, 2, 3]))
    add("empty", "float16", [0, 7], b"")
    return safetensors.serialize(tensors, {"format": "pt"})


def verdict(path):
    with open(path, "rb") as f:
        data = f.read()
    try:
        safetensors.deserialize(data)
        return None
    except Exception as e:
        return re.sub(r"`w\d+`", "`w?`", str(e))  # of equal ranges the crate names any


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "crate.safetensors"), "wb") as f:
    f.write(crate_file())
paths = glob.glob(os.path.join(here, "../../fixtures/malformed/*.safetensors")) + glob.glob(os.path.join(here, "accepted/*.safetensors"))
with open(os.path.join(here, "verdicts.json"), "w") as f:
    json.dump({os.path.basename(p): verdict(p) for p in paths}, f, indent=1, sort_keys=True)
    f.write("\n")
