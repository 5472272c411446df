"""Writes fixtures/tokenizers: small tokenizers trained here, and what the real tokenizers library does with them.

Usage: python internal/interop/tokenizer_golden.py [OUT_DIR]      (tokenizers 0.23.3)

NAME.json are tokenizer.json files. golden.json holds the texts and, for each tokenizer, the ids without and with
special tokens, and decodings of those ids and of pseudo-random ones. variants.json holds normalizers and
pre-tokenizers put in the place of those of plain.json, with the ids that follow.
"""
import itertools
import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "fixtures" / "tokenizers")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])

TRAINING = """The growth of a network keeps its function: every added unit starts with a zero on its way out.
We're sure that they'll say it's fine, I'd bet you've seen it; don't you think so? HE'LL SAY IT'S OK, I'M SURE.
for i := range len(weights) { sum += weights[i] * float64(x[i]) }  // 128, 256 and 4096 are powers of two
    if err != nil {\n        return nil, fmt.Errorf("tensor %s: %w", name, err)\n    }\n\n\n
Der Wolf läuft über die Straße, während das Mädchen Äpfel ißt. L'été, où êtes-vous allés? ¿Qué pasó mañana?
Съешь же ещё этих мягких французских булок, да выпей чаю. Η γρήγορη αλεπού πηδά πάνω από το σκυλί.
速い茶色の狐は怠け者の犬を飛び越える。我们的模型在训练。한국어 문장도 있습니다. नमस्ते दुनिया। مرحبا بالعالم ١٢٣
0123456789 3.14159 2.71828 1e-5 0x1F 1,000,000 12:34:56 2024-01-31 <tag attr="value">text</tag> a_b c-d e/f
""" * 3

TEXTS = [
    "", " ", "  ", "\n", "a", "Hello, world!", " leading", "trailing ", "  two  spaces   three    four ",
    "tabs\tand\t\ttabs", "CR\r\nLF\r\n\r\nlines\rold\n\n\n  indented\n", "a\n b\n  c\n\n   d   \n   ", "   \n   x", "x \r\n ",
    "don't I'LL we'Re they'VE it'S 'tis 'Twas o'clock 'ſ 'D'M", "123 4567 89012345 1,234.56 3rd 0x1F", "1e-5+2E10",
    "１２３４ ٠١٢٣٤٥ ²³½ Ⅷ ㊿ ೧೨", "👨‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ 🏳️‍🌈", "e\u0301 é Å Å ﬁ ﬀ ① ｶﾞ", "n\u0303\u0323 q\u0307\u0323 \u0301start",
    "straße STRASSE İstanbul ıI ΣΑΣ ǅ ẞ", "速い茶色の狐は怠け者の犬を飛び越える。", "我们的模型在训练，速度很快！", "한국어 문장도 있습니다. \u1112\u1161\u11ab",
    "नमस्ते दुनिया क्षत्रिय", "مرحبا بالعالم ١٢٣٤ لا", "שלום עולם", "สวัสดีชาวโลก", "\u0000\u0001\u0007\u0008\u001b[0m\u007f",
    "\u00a0nbsp\u00a0 \u2003em\u2009thin\u200bzero\u202fn\u3000ideo\u2028ls\u2029ps\u0085nel\ufeffbom",
    "snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE a.b.c::d->e", "func (t *T) F(x []int) (y int, err error) {\n\treturn x[0], nil\n}",
    "\"quoted\" 'single' `back` (paren) [brack] {brace} <angle> «guil» „low“ …—–", "$€£¥ +-*/=<>|~^ @#%&", "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> <|endoftext|>",
    "<s>text</s><unk>", "<s> <s>", "▁a▁▁b ▁", "http://example.org/a?b=c&d=%20#e", "\U0001f600\U0010fffd\ue000\ufffd", "x" * 100, "ab" * 60 + " " * 70 + "!" * 50,
    "aaaa" * 30 + "the" * 20, "中" * 50, "mixed中文English日本語123عربي", "A  \u0301b \u200d c\u200d", "été L'été où aujourd'hui", "\u1680 ogham \u180e mongolian",
    "word" + "\u0301" * 5 + "s", "The the THE tHe thE", "12345678901234567890", "....,,,,;;;;----", " \t \n \t \n", "__init__ __ _a a_", "\n\n\n\n", "\r\n", "a\u2028b", "ſt ŉ ǰ ΐ",
]
FLAGS = ["single_word", "lstrip", "rstrip", "normalized", "special"]


def bpe(tok, size=700, specials=(), alphabet=True, **kw):
    kw.setdefault("min_frequency", 2)
    tok.train_from_iterator(
        [TRAINING],
        trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [], **kw))
    return tok


def byte_level(split=None, prefix=False, specials=("<|endoftext|>",), normalizer=None, **model):
    tok = Tokenizer(models.BPE(**model))
    if normalizer:
        tok.normalizer = normalizer
    tok.pre_tokenizer = split or pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tok.decoder = decoders.ByteLevel()
    return bpe(tok, specials=specials)


def by_regex(expr):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(expr), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentencepiece():
    """The layout of Llama 2: Prepend and Replace, no pre-tokenizer, byte tokens in the vocabulary."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizers.Replace(" ", "▁")
    bpe(tok, 500, ["<unk>", "<s>", "</s>"], alphabet=False, limit_alphabet=120)
    j = json.loads(tok.to_str())
    words = list(sorted(j["model"]["vocab"], key=j["model"]["vocab"].get))
    words[3:3] = ["<0x%02X>" % b for b in range(256)]
    j["model"]["vocab"] = {w: i for i, w in enumerate(words)}
    tok = Tokenizer.from_str(json.dumps(j))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tok


def metaspace(scheme, split=True):
    tok = Tokenizer(models.BPE(unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    tok.decoder = decoders.Metaspace(prepend_scheme=scheme, split=split)
    bpe(tok, 400, ["<unk>", "<s>", "</s>"], alphabet=False, limit_alphabet=100)
    tok.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="$A $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tok


def added():
    """Every combination of the five flags of an added token, and tokens that begin alike."""
    tok = byte_level(normalizer=normalizers.Lowercase())
    for i, flags in enumerate(itertools.product([False, True], repeat=5)):
        tok.add_tokens([AddedToken("Tok%02d" % i, **dict(zip(FLAGS, flags)))])
    tok.add_tokens([AddedToken(s, normalized=False) for s in ["<A", "<Ab", "<Abc>", "  ", "é"]])
    return tok


def suffixed():
    """End-of-word suffix and continuing prefix, without a pre-tokenizer of its own kind."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", continuing_subword_prefix="##"))
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    tok.decoder = decoders.BPEDecoder("</w>")
    return bpe(tok, 400, ["<unk>"], alphabet=False, limit_alphabet=80, end_of_word_suffix="</w>", continuing_subword_prefix="##")


def plain():
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    return bpe(tok, 450, ["<unk>", "<|endoftext|>"], alphabet=False)


def all_tokenizers():
    special = ["<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>"]
    yield "gpt2", byte_level()
    roberta = byte_level(prefix=True, specials=["<s>", "</s>", "<unk>"])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=True)
    yield "roberta", roberta
    llama3 = byte_level(by_regex(LLAMA3), specials=special, ignore_merges=True)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="$A $B", special_tokens=[("<|begin_of_text|>", 1)])])
    yield "llama3", llama3
    yield "qwen2", byte_level(by_regex(QWEN2), normalizer=normalizers.NFC())
    yield "o200k", byte_level(by_regex(O200K))
    yield "smollm2", byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                         pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    yield "sentencepiece", sentencepiece()
    for scheme in ["always", "first", "never"]:
        yield "metaspace-" + scheme, metaspace(scheme)
    yield "metaspace-whole", metaspace("first", split=False)
    yield "added", added()
    yield "suffixed", suffixed()
    yield "plain", plain()


def variants():
    n, p = normalizers, pre_tokenizers
    for norm in [n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.StripAccents(), n.Prepend("▁"), n.Strip(True, False),
                 n.Strip(False, True), n.Strip(True, True), n.Replace("a", "bb"), n.Replace(Regex(r"\s+"), " "), n.Replace(Regex("x*"), "-"),
                 n.ByteLevel(), n.Sequence([n.NFD(), n.StripAccents(), n.Lowercase(), n.Replace(" ", "▁")])]:
        yield {"normalizer": component(norm)}
    for behaviour in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            for pat in [" ", Regex(r"\w+"), Regex(r"[aeiou]|\d"), Regex(GPT2)]:
                yield {"pre_tokenizer": component(p.Split(pat, behaviour, invert))}
        yield {"pre_tokenizer": component(p.Punctuation(behaviour))}
    for pre in [p.Whitespace(), p.WhitespaceSplit(), p.Digits(False), p.Digits(True), p.BertPreTokenizer(), p.CharDelimiterSplit("e"),
                p.Metaspace("_", "first"), p.ByteLevel(True, use_regex=False), p.ByteLevel(False, use_regex=True),
                p.Sequence([p.ByteLevel(False), p.Split("Ġ", "isolated")]), p.Sequence([p.WhitespaceSplit(), p.Metaspace("▁", "first")]),
                p.Sequence([p.Split(Regex("^."), "isolated"), p.Punctuation()]), p.Sequence([])]:
        yield {"pre_tokenizer": component(pre)}


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def component(c):
    return json.loads(c.__getstate__())


def texts_for(name):
    return TEXTS + (ADDED_TEXTS if name == "added" else [])


ADDED_TEXTS = ["".join(sep + "%s%02d" % (w, i) for i in range(32)) for sep in ["", " ", "  ", "x", "\n", "é", "_", ".", " \t"] for w in ["Tok", "tok", "TOK"]] + \
    ["<Abc> <Ab <A <Abx <abc>", "a  b   c", "    ", "Tok01  Tok02   Tok03", "éÉe\u0301"]


def record(name, tok):
    rng = random.Random(name)
    cases = []
    for text in texts_for(name):
        ids = tok.encode(text, add_special_tokens=False).ids
        cases.append({"ids": ids, "special": tok.encode(text).ids, "decoded": tok.decode(ids, skip_special_tokens=False),
                      "skipped": tok.decode(ids, skip_special_tokens=True)})
    noise = []
    for _ in range(20):
        ids = [rng.randrange(tok.get_vocab_size()) for _ in range(rng.randrange(1, 30))]
        noise.append({"ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False), "skipped": tok.decode(ids, skip_special_tokens=True)})
    return {"size": tok.get_vocab_size(), "texts": texts_for(name), "cases": cases, "noise": noise}


def main():
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    OUT.mkdir(parents=True, exist_ok=True)
    for name, tok in all_tokenizers():
        (OUT / (name + ".json")).write_text(json.dumps(json.loads(tok.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        (OUT / (name + ".golden")).write_text(json.dumps(record(name, tok), ensure_ascii=True, separators=(",", ":")) + "\n")
    base = json.loads((OUT / "plain.json").read_text())
    out = []
    for patch in variants():
        tok = Tokenizer.from_str(json.dumps(base | patch))
        out.append({"patch": patch, "ids": [tok.encode(t).ids for t in TEXTS]})
    lines = ",\n".join(json.dumps(v, separators=(",", ":")) for v in out)
    (OUT / "variants.golden").write_text("[" + lines + "]\n")


if __name__ == "__main__":
    main()
