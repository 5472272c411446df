"""names.py OUT: what this Python's transformers has in its config classes and asks of configs, with the defaults."""
import json
import sys

from transformers import GenerationConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from library import ARCHS, attributes, reads


def default(config, name):
    try:
        v = getattr(config, name)
        json.dumps(v)
        return v
    except Exception:  # no JSON, or not there
        return None


out = {}
for arch in ARCHS:
    config = CONFIG_MAPPING[arch]()
    out[arch] = {n: default(config, n) for n in sorted(set(attributes(arch)) | reads(arch))}
settings = GenerationConfig()
out["generation_config.json"] = {n: default(settings, n) for n in sorted(vars(settings))}
with open(sys.argv[1], "w", encoding="utf-8") as f:
    json.dump(out, f, indent=1)
