"""Compare a directory that famkit converted from a GGUF file with what Python's libraries read from that file.

check_gguf.py GGUF CONVERTED_DIR [--reference]

- every weight bit for bit with gguf's dequantised tensors, rows of q and k put back by numpy;
- the directory loads in this Python's transformers with an empty loading report;
- the tokenizer gives the same ids and the same decoded text as the real tokenizers library, built here straight from
  the GGUF's metadata in the layout in which the model was published, on fixed and on random nasty text;
- with --reference: logits equal, to the last bit, to those of transformers' own reading of the GGUF (transformers 4
  only: 5 keeps the weights quantised).
Differences of transformers' own reading of the GGUF's tokenizer are counted and shown, not failed: it knows only
some of the pre-tokenizers. Exit 0: all equal.
"""
import os
import random
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from gguf.quants import dequantize
from safetensors import safe_open
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from texts import TEXTS

MORE = [
    "", " ", "  ", "a  1", "a   12 b    345", "1 2  3   4", "\t1\n2\r\n3", "x" * 300, " " * 100, "\n" * 20, "\r\n\r\n \r\n",
    "0123456789" * 10, "a1b2c3", "１２３ ٣٤ 一二三 ⅷ", "don't DON'T I'll we've she'd 'tis ’s", "<|im_start|>", "<|im_start|", "<|im_start|><|im_end|>",
    "a<|endoftext|>b <repo_name>c<empty_output>", " <|im_end|> ", "\u2581under\u2581score", "\u0000\u0001\u001f\u007f\u0080\u009f", "\ud7ff\ue000\ufffd\U0010ffff",
    "👨‍👩‍👧‍👦👍🏿🏳️‍🌈", "e\u0301\u0302\u0303", "ﷺ مرحبا بالعالم", "שָׁלוֹם", "क्षत्रिय", "ไทยแลนด์", "\u3000全角　スペース", "\u00a0nbsp\u2003em\u200bzw\u2028ls\u2029ps\u0085nel",
    "{\"a\": [1, 2.5e-3, null]}", "C:\\path\\to\n", "http://example.com/?q=1&r=%20", "--==++~~##@@!!", "ÀÈÌÒÙàèìòù ß ẞ ſ İ ı", "\U00020000\U0002a6d6 ext B",
]
RANDOM = 3000


def random_texts(n):
    """Strings of characters that sit at the borders of what pre-tokenizers tell apart."""
    rng = random.Random(20260131)
    pools = [" ", "  ", "\t", "\n", "\r", "\r\n", "0", "12", "a", "Bc", "é", "e\u0301", "中", "ع", "'s", "'LL", "'", ".", "...", "-", "_", "!?", "<|im_end|>",
             "<|endoftext|>", "<|", "|>", "\u00a0", "\u200d", "\u200b", "\ufeff", "👍", "🏽", "\x00", "\x1b", "\x7f", "½", "Ⅻ", "٣", "𝟙", "\U000e0001", "ก", "\u3000", "\u2028"]
    out = []
    for _ in range(n):
        s = "".join(rng.choice(pools) for _ in range(rng.randint(1, 24)))
        if rng.random() < 0.3:
            s += "".join(chr(c) for c in (rng.randint(1, 0x10FFFF) for _ in range(8)) if not 0xD800 <= c < 0xE000)
        out.append(s)
    return out


def unpermuted(w, heads):
    """The inverse of what llama.cpp's converter does to the rows of q and k."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def hf_names(layers):
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    block = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    for n in range(layers):
        for theirs, ours in block.items():
            names[f"blk.{n}.{theirs}"] = f"model.layers.{n}.{ours}"
    return names


def check_weights(reader, meta, path):
    arch = meta("general.architecture")
    names = hf_names(meta(f"{arch}.block_count"))
    heads = {"attn_q": meta(f"{arch}.attention.head_count"), "attn_k": meta(f"{arch}.attention.head_count_kv")}
    bad, elements, seen = [], 0, set()
    quantised = any(t.tensor_type.name.startswith("Q") for t in reader.tensors)  # then everything becomes float32
    files = sorted(f for f in os.listdir(path) if f.endswith(".safetensors"))
    shards = [safe_open(os.path.join(path, f), "np") for f in files]
    where = {name: s for s in shards for name in s.keys()}
    for t in reader.tensors:
        base, _, kind = t.name.rpartition(".")
        ours = f"{names[base]}.{kind}"
        seen.add(ours)
        want = t.data if t.tensor_type.name in ("F32", "F16") else dequantize(t.data, t.tensor_type)
        if quantised:
            want = want.astype(np.float32)
        role = base.split(".")[-1]
        if arch == "llama" and role in heads:
            want = unpermuted(want, heads[role])
        got = where[ours].get_tensor(ours)
        elements += got.size
        if got.dtype != want.dtype or got.shape != want.shape or got.tobytes() != np.ascontiguousarray(want).tobytes():
            bad.append(f"{ours}: {got.dtype}{list(got.shape)} for {want.dtype}{list(want.shape)}")
    bad += [f"{n}: not in the GGUF" for n in where if n not in seen]
    print(f"  weights    {len(reader.tensors)} tensors, {elements:,} elements, {len(bad)} differ")
    return bad


def alphabet():
    """GPT-2's characters for bytes."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return {b: chr(b) if b in keep else chr(256 + sum(1 for c in range(b) if c not in keep)) for b in range(256)}


def real_tokenizer(meta):
    """The tokenizer as the model was published, built with the tokenizers library from the GGUF's metadata."""
    tokens, types, pre = meta("tokenizer.ggml.tokens"), meta("tokenizer.ggml.token_type"), meta("tokenizer.ggml.pre")
    merges = [tuple(m.split(" ")) for m in meta("tokenizer.ggml.merges")]
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, ignore_merges=pre == "llama-bpe"))
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    contractions = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
    rest = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    by_regex = {"llama-bpe": contractions + r"\p{N}{1,3}" + rest, "qwen2": contractions + r"\p{N}" + rest}
    if pre == "smollm":
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    elif pre == "gpt-2":
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(by_regex[pre]), "isolated"), bytes_only])
    if pre == "qwen2":
        tok.normalizer = normalizers.NFC()
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True) for t, k in zip(tokens, types) if k == 3])
    tok.add_tokens([AddedToken(t, normalized=False, special=False) for t, k in zip(tokens, types) if k == 4])
    return tok


def check_tokenizer(meta, path, gguf_path):
    want, got = real_tokenizer(meta), AutoTokenizer.from_pretrained(path)
    fixed = TEXTS + MORE
    texts = fixed + random_texts(RANDOM)
    bad, ids_total, round_trips, lossless = [], 0, 0, set(meta("tokenizer.ggml.tokens")) >= set(alphabet().values())
    bos = [meta("tokenizer.ggml.bos_token_id")] if meta("tokenizer.ggml.add_bos_token") else []
    for text in texts:
        theirs = want.encode(text, add_special_tokens=False).ids
        ids_total += len(theirs)
        plain, full = got(text, add_special_tokens=False)["input_ids"], got(text)["input_ids"]
        if plain != theirs or full != bos + theirs:
            bad.append(f"ids of {text[:40]!r}: {full[:12]} for {(bos + theirs)[:12]}")
        for skip in (False, True):
            a, b = got.decode(theirs, skip_special_tokens=skip), want.decode(theirs, skip_special_tokens=skip)
            if a != b:
                bad.append(f"decoding {theirs[:12]}, skip_special_tokens={skip}: {a[:40]!r} for {b[:40]!r}")
        back = got.decode(theirs, skip_special_tokens=False) == text
        round_trips += back
        if lossless and not back and meta("tokenizer.ggml.pre") != "qwen2":
            bad.append(f"decoding does not give back {text[:40]!r}")
    print(f"  tokenizer  {type(got).__name__}: {len(fixed)} fixed and {RANDOM} random texts, {ids_total:,} ids, {round_trips} texts come back as they were "
          f"(vocabulary has {'all' if lossless else 'not all'} bytes), {len(bad)} differences")
    bad += check_names(meta, got)
    own_reading(texts, want, gguf_path)
    return bad


def check_names(meta, tok):
    """Special tokens and the chat template by name."""
    bad, tokens = [], meta("tokenizer.ggml.tokens")
    for ours, theirs in {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}.items():
        i = meta(f"tokenizer.ggml.{theirs}_token_id")
        want = None if i is None else tokens[i]
        if getattr(tok, ours) != want:
            bad.append(f"{ours}: {getattr(tok, ours)!r} for {want!r}")
    if tok.chat_template != meta("tokenizer.chat_template"):
        bad.append("the chat template differs")
    elif tok.chat_template:
        chat = tok.apply_chat_template([{"role": "user", "content": "Hi there"}], add_generation_prompt=True, tokenize=False)
        if "Hi there" not in chat:
            bad.append(f"the chat template gives {chat!r}")
    if len(tok) != len(tokens):
        bad.append(f"{len(tok)} tokens for {len(tokens)}")
    return bad


def own_reading(texts, want, gguf_path):
    """Shows how far transformers' own reading of the file's tokenizer is from the real one."""
    try:
        own = AutoTokenizer.from_pretrained(os.path.dirname(gguf_path), gguf_file=os.path.basename(gguf_path))
        off = [t for t in texts if own(t, add_special_tokens=False)["input_ids"] != want.encode(t, add_special_tokens=False).ids]
    except Exception as e:
        print(f"  note: transformers itself cannot read the tokenizer: {type(e).__name__}: {str(e)[:100]}")
        return
    shortest = f", the shortest {min(off, key=len)!r}" if off else ""
    print(f"  note: transformers' own reading of the GGUF's tokenizer gives other ids for {len(off)} of these texts{shortest}")


def check_model(path, gguf_path, reference):
    model, info = AutoModelForCausalLM.from_pretrained(path, output_loading_info=True)
    report = {k: v for k, v in info.items() if v}
    bad = [f"loading report: {str(report)[:300]}"] if report else []
    print(f"  model      {type(model).__name__} {model.dtype}, {sum(p.numel() for p in model.parameters()):,} parameters, loading report {'empty' if not report else 'NOT EMPTY'}")
    if not reference:
        return bad
    own = AutoModelForCausalLM.from_pretrained(os.path.dirname(gguf_path), gguf_file=os.path.basename(gguf_path), dtype=torch.float32)
    ids = torch.randint(0, model.config.vocab_size, (2, 48), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        diff = (model.eval()(input_ids=ids).logits - own.eval()(input_ids=ids).logits).abs().max().item()
    print(f"  reference  max |delta logit| {diff} against transformers' own reading of the GGUF")
    if diff != 0:
        bad.append(f"logits differ by {diff} from transformers' own reading of the GGUF")
    return bad


def main(gguf_path, path, reference):
    transformers.logging.set_verbosity_error()
    gguf_path = os.path.abspath(gguf_path)
    print(f"check_gguf: transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, gguf file {os.path.basename(gguf_path)}")
    reader = gguf.GGUFReader(gguf_path)
    values = {}

    def meta(key):
        if key not in values:
            field = reader.fields.get(key)
            values[key] = None if field is None else field.contents()
        return values[key]

    bad = check_weights(reader, meta, path) + check_tokenizer(meta, path, gguf_path) + check_model(path, gguf_path, reference)
    for b in bad[:20]:
        print("  FAIL", b)
    print(f"check_gguf: {'equal' if not bad else f'{len(bad)} differences'}")
    return 1 if bad else 0


if __name__ == "__main__":
    args = [a for a in sys.argv[1:] if a != "--reference"]
    if len(args) != 2:
        sys.exit(__doc__)
    sys.exit(main(*args, "--reference" in sys.argv))
