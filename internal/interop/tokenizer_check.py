"""Compares famkit's tokenizer with the real one: python internal/interop/tokenizer_check.py FAMKIT TEXT_DIR TOKENIZER_DIR...

For each folder with tokenizer files: the ids and the text of famkit, of the tokenizers library and of transformers, over
texts.py and 1 MB of the .go files in TEXT_DIR. Then both train 2048 tokens on those files: vocabulary and merges are equal.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from texts import TEXTS


def famkit(*args, stdin=""):
    out = subprocess.run([sys.argv[1], "tokenizer", *args, "--json"], input=stdin.encode(), stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def sources(root, limit):
    """The .go files of root in famkit's order, up to limit bytes."""
    out = []
    for path in sorted(root.rglob("*.go"), key=str):
        limit -= path.stat().st_size
        if limit < 0:
            break
        out.append(path)
    return out


def check(folder, texts):
    real = Tokenizer.from_file(str(pathlib.Path(folder, "tokenizer.json")))
    auto = transformers.AutoTokenizer.from_pretrained(folder)
    ids = 0
    for text in texts:
        want = real.encode(text, add_special_tokens=False).ids
        got = famkit("encode", folder, stdin=text)["ids"]
        assert got == want, f"{folder}: {text[:60]!r}: {got[:20]}, wanted {want[:20]}"
        assert auto(text, add_special_tokens=False)["input_ids"] == want, f"{folder}: transformers: {text[:60]!r}"
        back = famkit("decode", folder, stdin=" ".join(map(str, got)))["text"]
        assert back == real.decode(want, skip_special_tokens=False), f"{folder}: {text[:60]!r} comes back as {back[:60]!r}"
        ids += len(want)
    print(f"{folder}: {len(texts)} texts, {ids} ids equal (transformers {transformers.__version__})")


def check_training(files):
    with tempfile.TemporaryDirectory() as out:
        famkit("train", *map(str, files), out, "--vocab", "2048")
        mine = json.loads(pathlib.Path(out, "tokenizer.json").read_text())["model"]
    real = Tokenizer(models.BPE())
    real.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    real.train_from_iterator(
        [f.read_text() for f in files],
        trainers.BpeTrainer(vocab_size=2048, special_tokens=["<|endoftext|>"], min_frequency=2, show_progress=False,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(real.to_str())["model"]
    assert mine["vocab"] == model["vocab"] and mine["merges"] == model["merges"], "the trained vocabularies differ"
    print(f"trained on {len(files)} files: {len(mine['vocab'])} tokens and {len(mine['merges'])} merges equal")


def main():
    files = sources(pathlib.Path(sys.argv[2]), 1_200_000)
    assert files, f"{sys.argv[2]}: no .go files"
    for folder in sys.argv[3:]:
        check(folder, TEXTS + ["".join(f.read_text() for f in files)])
    check_training(files)


if __name__ == "__main__":
    main()
