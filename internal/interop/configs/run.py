"""Loads checkpoints in this Python's transformers and says in what their functions differ from their parents'.

run.py VARIANTS OUT FOLDER [LOGITS]: VARIANTS has one JSON object a line, {"id", "base", "files": {name: text or null}}:
the checkpoint in folder base with some files written or left out. OUT has one line for each, {"id", "outcome"}, where
outcome is "same", "error: ...", "report: ..." (the loading report is not that of the base) or a list of what differs:
forward (all tokens at once), cache (token by token, the keys and values kept), chunks (four tokens at a time), generate
(the logits that generate() sees), dtype (of the weights). Where LOGITS has famkit's own logits of a child (logits.py),
"famkit" is in the list if these are others, at once, token by token or in chunks.
"""
import gc
import json
import os
import resource
import shutil
import signal
import sys
import warnings

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # some caches have their models compiled, which takes longer than all else

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LogitsProcessor

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
TOKENS, PROMPT, NEW = 18, 6, 9
TOLERANCE = 2e-5
# A config may ask for any size: what takes more than this is an outcome like any other.
MEMORY, SECONDS = 5 << 30, 20
FOUR = int(transformers.__version__.split(".")[0]) < 5


class Forced(LogitsProcessor):
    """Chooses given tokens, whatever the model and the settings of generation say."""

    def __init__(self, ids):
        self.ids = ids

    def __call__(self, ids, scores):
        out = torch.full_like(scores, -1e30)
        out[:, self.ids[0, ids.shape[1]]] = 0
        return out


def token_ids(vocab):
    g = torch.Generator().manual_seed(7)
    return torch.randint(3, min(vocab, 100), (1, TOKENS), generator=g)


def stepwise(model, ids, width):
    past, out = None, []
    for i in range(0, ids.shape[1], width):
        o = model(ids[:, i:i + width], past_key_values=past, use_cache=True)
        past = o.past_key_values
        out.append(o.logits)
    return torch.cat(out, 1)


def generated(model, ids):
    """The logits that generate() sees while it is made to say ids."""
    mask = torch.ones_like(ids[:, :PROMPT])
    g = model.generate(ids[:, :PROMPT], attention_mask=mask, max_new_tokens=NEW, min_new_tokens=NEW, num_beams=1,
                       return_dict_in_generate=True, output_logits=True, logits_processor=[Forced(ids)])
    return torch.stack(g.logits, 1)


def attempt(f, *args):
    """A result, or the error as text."""
    try:
        with torch.no_grad():
            return f(*args).double()
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # any failure is an outcome, an exit by the checkpoint's own code too
        return f"{type(e).__name__}: {str(e)[:120]}"


def measure(path):
    """Everything that is compared of one checkpoint; an "error" alone where it does not load."""
    try:
        model, info = AutoModelForCausalLM.from_pretrained(path, output_loading_info=True)
        model.eval()
        ids = token_ids(model.get_input_embeddings().weight.shape[0])
        report = {k: sorted(map(str, v)) for k, v in info.items() if v}
        dtypes = sorted({str(p.dtype) for p in model.parameters()})
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # any failure is an outcome, an exit by the checkpoint's own code too
        return {"error": f"{type(e).__name__}: {str(e)[:160]}"}
    got = {"report": report, "dtype": dtypes, **outputs(model, ids), "generate": attempt(generated, model, ids)}
    if FOUR and model.config.model_type == "gemma2":  # its usual attention passes over the cap of the scores
        eager = AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager").eval()
        got["capped"] = outputs(eager, ids)
    return got


def outputs(model, ids):
    """The logits of ids at once, token by token and four at a time."""
    return {"forward": attempt(lambda: model(ids).logits), "cache": attempt(stepwise, model, ids, 1),
            "chunks": attempt(stepwise, model, ids, 4)}


def differ(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return a != b if isinstance(a, str) and isinstance(b, str) else True
    if a.shape != b.shape:
        return True
    return not (a - b).abs().max().item() <= TOLERANCE * b.abs().max().item()


def as_famkit(got, path):
    """Whether a child's logits are famkit's, however they were computed."""
    if not path or not os.path.exists(path):
        return True
    want = load_file(path)["logits"].double()
    return not any(differ(got.get("capped", got)[k], want) for k in ("forward", "cache", "chunks"))


def compare(got, want, path):
    if "error" in got:
        return "error: " + got["error"]
    if got["report"] != want["report"]:
        return "report: " + json.dumps(got["report"])[:200]
    out = [k for k in ("forward", "cache", "chunks", "generate") if differ(got[k], want[k])]
    if not as_famkit(got, path):
        out.append("famkit")
    if got["dtype"] != want["dtype"]:
        out.append("dtype " + " ".join(got["dtype"]))
    out = [k + ": " + got[k] if k in got and isinstance(got[k], str) else k for k in out]
    return out or "same"


def put(base, files, folder):
    """The checkpoint of a variant, in folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in os.listdir(base):
        if name not in files and not name.endswith(".other") and os.path.isfile(os.path.join(base, name)):
            os.link(os.path.join(base, name), os.path.join(folder, name))
    for name, text in files.items():
        if text is None:
            continue
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text.startswith("file:"):
            os.link(text[5:], path)
            continue
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def out_of_time(*_):
    raise TimeoutError(f"longer than {SECONDS} s")


def main():
    variants, out, folder = sys.argv[1:4]
    own = sys.argv[4] if len(sys.argv) > 4 else None
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, out_of_time)
    transformers.logging.set_verbosity(60)
    transformers.logging.disable_progress_bar()
    bases = {}
    with open(variants, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as results:
        for n, line in enumerate(lines):
            v = json.loads(line)
            if v["base"] not in bases:
                bases[v["base"]] = measure(v["base"])
                if "error" in bases[v["base"]] or any(isinstance(x, str) for x in bases[v["base"]].values()):
                    sys.exit(f"{v['base']}: {bases[v['base']]}")
            put(v["base"], v["files"], folder)
            signal.alarm(SECONDS)
            try:
                path = own and os.path.join(own, f"{v['id']}.safetensors")
                outcome = compare(measure(folder), bases[v["base"]], path)
            except TimeoutError as e:
                outcome = f"error: {e}"
            signal.alarm(0)
            results.write(json.dumps({"id": v["id"], "outcome": outcome}) + "\n")
            if n % 200 == 199:
                results.flush()
                gc.collect()


if __name__ == "__main__":
    main()
