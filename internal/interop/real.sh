#!/usr/bin/env bash
# The five verbs on a real model that is published only as GGUF: convert, inspect, expand twice, verify both, train.
# Ends with a table of wall time and peak resident memory. STEPS, BATCH, SEQ change the training; KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
real_gguf
work_dir real
table=$WORK/table.tsv
go build -o "$WORK/timed" ./internal/interop/timed

# row LABEL COMMAND...: run it, add a row, show its output; a failure ends the script.
row() {
  local label=$1
  shift
  say "" && say "\$ famkit $*"
  "$WORK/timed" -o "$table" -label "$label" bin/famkit "$@"
}

m=$WORK/SmolLM2-135M deep=$WORK/SmolLM2-deep wide=$WORK/SmolLM2-wide
row "convert GGUF to a model directory" convert "$GGUF" "$m"
row "inspect" inspect "$m"
row "expand depth 30 -> 60" expand "$m" "$deep" --depth 2x
row "expand hidden 576 -> 768, heads 9 -> 12" expand "$m" "$wide" --hidden 768 --heads 12
row "verify depth" verify "$m" "$deep"
row "verify hidden" verify "$m" "$wide"
row "train the deeper one, ${STEPS:-20} steps" train "$deep" "$WORK/trained" --data "$(go env GOROOT)/src/strings" --ext .go \
  --steps "${STEPS:-20}" --batch "${BATCH:-1}" --seq "${SEQ:-128}" --lr 1e-4 --log "$WORK/log.jsonl"

echo
echo "SmolLM2-135M-Instruct, $(machine)"
losses=$(sed -n 's/.*"type":"step".*"loss":\([0-9.]*\).*/\1/p' "$WORK/log.jsonl")
[ -n "$losses" ] || die "the training log has no step"
printf 'training loss: %.4f at the first step, %.4f at the last of %d\n' "$(head -n 1 <<<"$losses")" "$(tail -n 1 <<<"$losses")" "$(wc -l <<<"$losses")"
awk -F '\t' 'BEGIN { printf "%-42s %10s %14s\n", "step", "wall, s", "peak RSS, MiB" } { printf "%-42s %10.2f %14d\n", $1, $2, $3 }' "$table"
