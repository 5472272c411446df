#!/usr/bin/env bash
# The main job on what the repository ships: look at a small trained model, grow it, show that the grown one is equal,
# train it on real text that every Go installation has, and chart the loss. Output goes to bin/demo.
set -euo pipefail
cd "$(dirname "$0")/../.."

model=fixtures/demo out=bin/demo text="$(go env GOROOT)/src/net"
steps=${STEPS:-60}
rm -rf "$out" && mkdir -p "$out"

say() {
  printf '\n$ %s\n' "$*"
  "$@"
}

say bin/famkit inspect "$model"
say bin/famkit expand "$model" "$out/deeper" --depth 2x
say bin/famkit verify "$model" "$out/deeper"
say bin/famkit expand "$model" "$out/grown" --depth 2x --width 2x
say bin/famkit verify "$model" "$out/grown"

# The parent goes on with the same batches, as what to compare with.
common=(--data "$text" --ext '.go,!_test.go' --eval-fraction 0.01 --eval-every 10 --steps "$steps" --batch 8 --seq 128
  --lr 1e-3 --schedule wsd --decay-fraction 0.7 --warmup 5 --seed 1)
say bin/famkit train "$out/grown" "$out/trained" "${common[@]}" --log "$out/grown.jsonl"
say bin/famkit train "$model" "$out/parent" "${common[@]}" --log "$out/parent.jsonl"

go run ./internal/demo "$out/parent.jsonl" "$out/grown.jsonl" "$out"
