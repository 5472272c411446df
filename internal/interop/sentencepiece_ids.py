"""Writes fixtures/gguf/sentencepiece.json: a vocabulary that SentencePiece trained, and the ids that it gives.

Usage: python internal/interop/sentencepiece_ids.py [OUT_DIR]      (sentencepiece 0.2.3, which make interop does not install)

tokens, scores and types are what llama.cpp's converter writes to a GGUF file (types: 1 normal, 2 unknown, 3 control,
6 byte); ids[i] are those of texts[i] without special tokens, decoded[i] what they decode to.
"""
import json
import pathlib
import sys
import tempfile

import sentencepiece

from texts import TEXTS

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "fixtures" / "gguf")
TRAINING = """The growth of a network keeps its function: every added unit starts with a zero on its way out.
We are sure that they will say that it is fine; the other one is not, and the third of them has the same function.
for i := range len(weights) { sum += weights[i] * float64(x[i]) }  // 128, 256 and 4096 are powers of two
    if err != nil {
        return nil, fmt.Errorf("tensor %s: %w", name, err)
    }
Der Wolf läuft über die Straße, während das Mädchen Äpfel ißt. L'été, où êtes-vous allés?
速い茶色の狐は怠け者の犬を飛び越える。 我们的模型在训练。 Съешь же ещё этих мягких французских булок.
"""
MORE = ["", " ", "  ", "a", " a", "  a", "a  b   c", "▁", "a▁b", "the function of the network", "thethethethe", "x" * 40, "\t\n\r\n", "0123456789", "Straße, Äpfel",
        "我们的模型", "👍🏽 unknown", "\u0301", "</s> <s> <unk>", "<0x41>", "mixed中文English"]


def main():
    with tempfile.TemporaryDirectory() as tmp:
        text, model = pathlib.Path(tmp, "train.txt"), str(pathlib.Path(tmp, "model"))
        text.write_text(TRAINING, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=model, vocab_size=640, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
            remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2)
        p = sentencepiece.SentencePieceProcessor(model_file=model + ".model")
    n = range(len(p))
    kind = [2 if p.is_unknown(i) else 3 if p.is_control(i) else 6 if p.is_byte(i) else 1 for i in n]
    texts = TEXTS + MORE
    ids = [p.encode(t) for t in texts]
    golden = {"tokens": [p.id_to_piece(i) for i in n], "scores": [p.get_score(i) for i in n], "types": kind, "texts": texts, "ids": ids, "decoded": [p.decode(i) for i in ids]}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "sentencepiece.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {OUT / 'sentencepiece.json'}: {len(n)} tokens, {len(texts)} texts")


if __name__ == "__main__":
    main()
