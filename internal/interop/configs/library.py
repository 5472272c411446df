"""What this Python's transformers has in its config classes, and what its code asks of a config.

attributes(arch) are the fields, parameters, properties, class attributes and methods of the class that a config.json of
that model_type becomes; reads(arch) are the attributes that the modelling code of the family and the shared code ask of
a config. A key of a config.json with such a name may change what a loader does.
"""
import ast
import dataclasses
import glob
import inspect
import os

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

ARCHS = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "olmo2", "phi3",
         "mixtral", "qwen3_moe"]

# The folders of transformers.models whose code a family's model runs, where it is not called as the family is.
FOLDERS = {"gemma3_text": "gemma3"}

# Code that every model runs when it is loaded, run and generates.
SHARED = """modeling_utils configuration_utils masking_utils cache_utils modeling_rope_utils modeling_layers
modeling_flash_attention_utils generation/utils generation/configuration_utils generation/candidate_generator
core_model_loading conversion_mapping fusion_mapping initialization utils/generic utils/output_capturing
integrations/moe integrations/sdpa_attention integrations/flash_attention integrations/flex_attention
integrations/heterogeneity/configuration_utils integrations/heterogeneity/modeling_utils integrations/peft
models/auto/auto_factory models/auto/configuration_auto dynamic_module_utils quantizers/auto quantizers/base
loss/loss_utils distributed/checkpoint""".split()


def attributes(arch):
    """Every name of the config class: name -> what it is."""
    cls = CONFIG_MAPPING[arch]
    names = {}
    if dataclasses.is_dataclass(cls):
        for f in dataclasses.fields(cls):
            names[f.name] = "field"
    for c in inspect.getmro(cls):
        if c.__module__.startswith("transformers") and "__init__" in c.__dict__:
            for p in inspect.signature(c.__init__).parameters:
                if p not in ("self", "args", "kwargs"):
                    names.setdefault(p, "parameter")
    for p in vars(cls()):
        names.setdefault(p, "attribute")
    for p in dir(cls):
        if p.startswith("__"):
            continue
        v = inspect.getattr_static(cls, p)
        kind = "class attribute"
        if isinstance(v, property):
            kind = "property"
        elif callable(v) or isinstance(v, (classmethod, staticmethod)):
            kind = "method"
        names.setdefault(p, kind)
    for p in cls.attribute_map:
        names.setdefault(p, "alias")
    return names


def reads(arch):
    """The attributes that the code asks of anything called a config."""
    root = os.path.dirname(transformers.__file__)
    files = [os.path.join(root, f + ".py") for f in SHARED]
    files += glob.glob(os.path.join(root, "models", FOLDERS.get(arch, arch), "model*ing_*.py"))
    names = set()
    for f in files:
        if not os.path.exists(f) or "_tf_" in f or "_flax_" in f or "modular" in f:
            continue
        with open(f, encoding="utf-8") as text:
            for node in ast.walk(ast.parse(text.read())):
                names |= asked(node)
    return names


# What the code asks of dictionaries and lists that it calls a config, too.
CONTAINERS = {n for t in (dict, list, str, set) for n in dir(t)} | {"popleft", "setter"}


def asked(node):
    """The attribute that a node of the syntax tree asks of a config, if any."""
    if isinstance(node, ast.Attribute) and is_config(node.value) and node.attr not in CONTAINERS:
        return {node.attr}
    if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr")
            and len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and is_config(node.args[0])):
        return {str(node.args[1].value)}
    return set()


def is_config(node):
    """Whether an expression is called config, self.config, text_config, config.get_text_config() and the like."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Subscript):
        return is_config(node.value)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    other = ("generation_config", "quantization_config", "load_config", "peft_config", "kernel_config",
             "compile_config", "adapter_config", "assistant_config", "cb_config", "watermarking_config",
             "vision_config", "fusion_config", "distributed_config", "base_config")
    return "config" in name and not name.endswith(other)
