"""Text that trips tokenizers: digits, scripts, emoji, control characters, runs of spaces, special tokens."""

TEXTS = [
    "Hello, world! The quick brown fox doesn't jump over 3 lazy dogs; it's 12:34:56 on 2026-01-31.",
    "1234567890 3.14159 0x1F 1e-9 ١٢٣ ½ ² Ⅻ",
    "def f(x):\n\treturn {'a': [x ** 2 for _ in range(10)]}\n\n\n    # four spaces\r\n",
    "a  b   c    d     e\t\tf \n \n  g   ",
    "Ünïcödé naïve façade — “quotes” … ﬁ ligature, e\u0301 combining, A\u030a",
    "日本語のテキスト 中文文本 한국어 텍스트 العربية עברית हिन्दी ไทย Ελληνικά Русский",
    "👍🏽 👩‍👩‍👧‍👦 🇩🇪 🤖 é\u200d\u200b\u00a0\ufeff",
    "control \x01\x02\x1b[0m\x7f end",
    "<|im_start|>user\nHi there<|im_end|>\n<|endoftext|> <|im_start|> x<|im_end|>y",
    " leading and trailing ",
    "\n",
]
