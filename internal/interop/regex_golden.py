"""What Oniguruma matches, through the tokenizers library: python3 internal/interop/regex_golden.py

Writes internal/regex/testdata/oniguruma.json: lines [pattern, text, pieces], where pieces are the lengths, in characters,
of the parts that Split cuts the text into with behavior Isolated, and then those that are left with behavior Removed.
"""
import json, os, random
from tokenizers import Regex, pre_tokenizers

# The patterns of published models (GPT-2, Llama 3, Qwen 2, GPT-4, GPT-4o, DeepSeek, BLOOM, Falcon, StarCoder, OLMo, Gemma).
REAL = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[一-龥぀-ゟ゠-ヿ]+", r"\s?\p{L}+", r"\s?\p{P}+", r"\p{N}{1,3}", r"[\r\n]", r"\p{N}", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+",
    r" ?[^(\s|[.,!?…。，、।۔،])]+", r"\s+$", r"[0-9][0-9][0-9]", r"(?=(\d{3})+(?!\d))", r"\d{1,3}(?=(?:\d{3})*\b)",
    r"\s+(?!\S)", r" {2,}", r"(?<=\p{L})\p{N}", r"\n+", r"^\s+", r"\p{Han}+|\p{Hiragana}+|\p{Katakana}+", r"\w+|[^\w\s]+", r"[^\W\d_]+",
]
TEXTS = [
    "Hello world, it's 12345 tests; you'll SEE they'VE done it.\n\n  Indented\tline  \r\nlast 3.14159!!! ", "naïve café, Straße, ÀÉÎ ŉ ﬁ ſ K µ ²³¹¼½¾ Ⓐ🄰",
    "中文字符，和日本語テキスト。한국어 텍스트 العربية हिन्दी עברית ไทย", "def f(x):\n    return x**2  # comment\n\tif x_1>=10: pass\n", "😀👍🏽👨‍👩‍👧 e\u0301 \u200b\u00a0\u3000x\u2028y\u0085z",
    "    \n   \n", "'S 'T 'Re 'LL '\u017f don'T", "1234567 1,234,567.89 ١٢٣ Ⅷ", "a", "", "\n", "MixedCASEWords camelCaseHTTP ABC's DON'T",
]

def pattern(r, depth):
    if depth == 0:
        return r.choice(["a", "b", "c", ".", "[ab]", "[^a]", "é", r"\n", r"\d", "(?i:a)", "", "^", "$", r"\b", r"\B", r"\A",
                         r"\z", r"\Z", r"\w", "[a-c&&[^b]]", r"\p{L}", r"\s", r"\R"])
    sub = lambda: pattern(r, depth - 1)
    k = r.randrange(15)
    if k < 2: return sub() + sub()
    if k == 2: return f"(?:{sub()}|{sub()})"
    if k == 3: return f"(?:{sub()})" + r.choice(["*", "+", "?", "*?", "+?", "??"])
    if k == 4: return f"(?:{sub()})" + r.choice(["{2}", "{1,2}", "{0,2}?", "{1,}", "{2,3}", "{0,}?"])
    if k == 5: return f"{sub()}|{sub()}"
    if k < 8: return f"({sub()}){sub()}"
    if k == 8: return f"(?>{sub()})"
    if k == 9: return f"(?:{sub()})" + r.choice(["*+", "++", "?+", "{1,2}+"])
    if k == 10: return f"(?={sub()})"
    if k == 11: return f"(?!{sub()})"
    if k == 12: return "(?<=" + r.choice(["a", "ab", "a|bc", "."]) + ")"
    if k == 13: return "(?<!" + r.choice(["a", "ab", "a|bc", "."]) + ")"
    return f"(?m:{sub()})"

def text(r):
    return "".join(r.choice(["a", "b", "c", "A", "é", "\n", "1", " ", "\r\n"]) for _ in range(r.randrange(9)))

def pieces(p, t):
    out = []
    for behavior in ("isolated", "removed"):
        cut = pre_tokenizers.Split(Regex(p), behavior, False).pre_tokenize_str(t)
        out.append([b - a for _, (a, b) in cut])
    return out

def main():
    r = random.Random(1)
    rows = [[p, t] + pieces(p, t) for p in REAL for t in TEXTS]
    while len(rows) < 4000:
        p = pattern(r, 1 + r.randrange(4))
        if len(p) > 60:
            continue
        try:
            Regex(p)
        except Exception:  # what Oniguruma refuses is no case
            continue
        for _ in range(2):
            t = text(r)
            rows.append([p, t] + pieces(p, t))
    out = os.path.join(os.path.dirname(__file__), "..", "regex", "testdata", "oniguruma.json")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False, separators=(",", ":")) for x in rows) + "\n]\n")

main()
