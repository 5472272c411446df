"""Load what famkit wrote in this Python's transformers and compare. load.py JOBS WORK

JOBS is a table with one row a job, tab between columns: kind, label, parent ("-": none), child, limit.

Every child was written by famkit. It loads with an empty report; famkit's own logits of it agree with this
library's; its float64 logits agree with its parent's within limit, relative to the largest; a tokenizer.json
gives the same ids here and in `famkit tokenizer encode`. Kinds:
  tiny     famkit's logits: float32 within 2e-5, float64 within 1e-10; child and parent in float32 within 1e-5 of the largest
  large    famkit's logits: float32 within 4 times this library's own distance from float64 (or 2e-5)
  control  a damaged child, which must be further than limit from its parent: this check can fail
The parent's logits are those of the version that runs first (transformers 5 must: version 4 misreads
some configs that it did not write). They and famkit's logits are kept in WORK for the second version.
"""
import gc
import hashlib
import os
import subprocess
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from double import all_double
from texts import TEXTS

FAMKIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bin", "famkit")
TOL32, TOL64 = 2e-5, 1e-10
SAME32 = 1e-5
EAGER = {"attn_implementation": "eager"}
if int(transformers.__version__.split(".")[0]) >= 5:
    EAGER["experts_implementation"] = "eager"


def famkit(*args):
    """One command of famkit's: its standard output, or its complaint as an exception."""
    r = subprocess.run([FAMKIT, *args], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f"famkit {args[0]} exits {r.returncode}: {r.stderr.strip()[-200:]}")
    return r.stdout


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def token_ids(work, vocab):
    """Two rows of 17 token ids below vocab, in a file that famkit reads: the same for a parent and its children."""
    name = os.path.join(work, f"ids-{vocab}.safetensors")
    if not os.path.exists(name):
        g = torch.Generator().manual_seed(vocab)
        save_file({"input_ids": torch.randint(0, vocab, (2, 17), generator=g).int()}, name)
    return name, load_file(name)["input_ids"].long()


def famkit_logits(path, ids_file, work, engine, precision):
    """famkit's logits [B,T,V], computed once for both versions."""
    out = os.path.join(work, f"logits-{digest(os.path.abspath(path) + engine + precision)}.safetensors")
    if not os.path.exists(out):
        famkit("logits", path, "--ids", ids_file, "--out", out, "--engine", engine, "--precision", precision)
    return load_file(out)["logits"].double()


class Loaded:
    """One model in this library: float32 logits, float64 logits, loading report."""

    def __init__(self, path, ids):
        m, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, output_loading_info=True, **EAGER)
        self.report = {k: v for k, v in info.items() if v}
        with torch.no_grad():
            self.f32 = m.eval()(input_ids=ids).logits.double()
        with all_double(), torch.no_grad():
            m64 = AutoModelForCausalLM.from_config(m.config, dtype=torch.float64, **EAGER).eval()
            m64.load_state_dict({k: v.double() for k, v in m.state_dict().items()})
            m64.tie_weights()
            self.f64 = m64(input_ids=ids).logits
        del m, m64
        gc.collect()


class Checker:
    def __init__(self, work):
        self.work, self.problems, self.count = work, [], 0
        self.worst = {"famkit f32": 0.0, "famkit f64": 0.0, "child - parent": 0.0, "child - parent f32": 0.0}

    def fail(self, label, text):
        self.problems.append(f"{label}: {text}")

    def within(self, label, what, got, limit):
        self.count += 1
        self.worst[what] = max(self.worst[what], got)
        if not got <= limit:
            self.fail(label, f"{what} {got:.1e}, allowed {limit:.1e}")

    def model(self, kind, label, path, vocab):
        """Load path; check its report, famkit's logits and its tokenizer."""
        ids_file, ids = token_ids(self.work, vocab)
        got = Loaded(path, ids)
        self.count += 1
        if got.report:
            self.fail(label, f"loading report {str(got.report)[:300]}")
        if kind == "control":
            return got
        mine = famkit_logits(path, ids_file, self.work, "cpu", "f32")
        if kind == "tiny":
            self.within(label, "famkit f32", gap(mine, got.f32), TOL32)
            exact = famkit_logits(path, ids_file, self.work, "ref", "f64")
            self.within(label, "famkit f64", gap(exact, got.f64), TOL64)
        else:  # rounding grows with depth and width: the library's own distance from float64 is the measure
            self.within(label, "famkit f32", gap(mine, got.f64), max(TOL32, 4 * gap(got.f32, got.f64)))
        if os.path.exists(os.path.join(path, "tokenizer.json")):
            self.tokenizer(label, path)
        return got

    def parent(self, kind, label, path, vocab):
        """The parent's logits f32 and f64, checked and stored by the first version, read by the second."""
        name = os.path.join(self.work, f"parent-{digest(path)}.safetensors")
        if not os.path.exists(name):
            kind = "tiny" if kind == "control" else kind
            got = self.model(kind, label + " (parent)", path, vocab)
            save_file({"f32": got.f32.contiguous(), "f64": got.f64.contiguous()}, name)
        return load_file(name)

    def tokenizer(self, label, path):
        tok = AutoTokenizer.from_pretrained(path)
        for i, text in enumerate(TEXTS):
            name = os.path.join(self.work, f"text-{i}.txt")
            with open(name, "w", encoding="utf-8", newline="") as f:
                f.write(text)
            self.count += 1
            theirs = tok(text, add_special_tokens=False)["input_ids"]
            mine = [int(x) for x in famkit("tokenizer", "encode", path, name).replace(",", " ").split()]
            if theirs != mine:
                self.fail(label, f"token ids of {text[:20]!r}: {mine[:12]} here, {theirs[:12]} in tokenizers")

    def job(self, kind, label, parent, child, limit):
        vocab = vocab_size(child if parent == "-" else parent)
        want = None if parent == "-" else self.parent(kind, label, parent, vocab)
        got = self.model(kind, label, child, vocab)
        if want is None:
            return
        size = want["f64"].abs().max().item()
        if kind == "tiny":
            self.within(label, "child - parent f32", gap(got.f32[..., :vocab], want["f32"]) / size, SAME32)
        diff = gap(got.f64[..., :vocab], want["f64"]) / size
        if kind != "control":
            self.within(label, "child - parent", diff, limit)
        elif diff <= limit:
            self.fail(label, "a damaged child was not noticed")


def gap(a, b):
    """max |a - b|; shapes must agree and nothing may be NaN."""
    if a.shape != b.shape:
        return float("inf")
    d = (a - b).abs().max().item()
    return d if d == d else float("inf")


def vocab_size(path):
    return transformers.AutoConfig.from_pretrained(path).get_text_config().vocab_size


def main(jobs, work):
    c = Checker(work)
    transformers.utils.logging.disable_progress_bar()
    with open(jobs, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip()]
    for kind, label, parent, child, limit in rows:
        before = len(c.problems)
        try:
            c.job(kind, label, parent, child, float(limit))
        except Exception as e:  # one that cannot be loaded is a finding, not the end
            c.fail(label, f"{type(e).__name__}: {str(e)[:300]}")
        print("  ok   " if len(c.problems) == before else "  FAIL ", label, flush=True)
    worst = ", ".join(f"{k} {v:.1e}" for k, v in c.worst.items())
    for p in c.problems:
        print("FAIL", p)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: {len(rows)} jobs, {c.count} checks, {len(c.problems)} fall short; worst {worst}")
    return 1 if c.problems or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
