#!/usr/bin/env bash
# Speed and memory of expand and of the proof, in one run beside what bounds them: cp of the output's bytes, made durable as
# famkit makes them, and cat of both checkpoints. The proof alone (--proof-only), with the plan's maps and with maps that it finds
# itself (--infer). In turn, page cache warm. ROUNDS (3); LAYERS (1): layers of the sparse
# checkpoint of 8B Llama's widths, of which 32 make the whole (its child then takes 17 GB of disk).
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
work_dir bench-growth
measuring
rounds=${ROUNDS:-3}

# row LABEL BOUND BYTES: one line of the table: famkit's run, what bounds it, and the fraction of its speed.
row() {
  local wall rss bound
  read -r wall rss <<<"$(summary "$1")"
  read -r bound _ <<<"$(summary "$2")"
  awk -v l="$1" -v w="$wall" -v r="$rss" -v b="$bound" -v n="$3" 'BEGIN { printf "| %s | %d | %.2f | %.2f | %.2f | %d |\n", l, n / 1e6, w, b, b / w, r }'
}

# growth NAME PARENT FLAGS...: expand and the proof of one growth, rounds times, each beside its bound.
growth() {
  local name=$1 parent=$2 child=$WORK/child i bytes
  shift 2
  for i in $(seq "$rounds"); do
    rm -rf "$child" "$WORK/copy"
    cat "$parent"/*.safetensors >/dev/null # as cp finds what it copies
    take "expand $name" bin/famkit expand "$parent" "$child" "$@"
    # shellcheck disable=SC2016 # the inner shell expands them
    take "cp $name" bash -c 'cp -r "$1" "$2" && sync "$2"/* "$2"' - "$child" "$WORK/copy"
    rm -rf "$WORK/copy"
    # shellcheck disable=SC2016
    take "cat $name" bash -c 'cat "$1"/*.safetensors "$2"/*.safetensors >/dev/null' - "$parent" "$child"
    take "proof $name" bin/famkit verify "$parent" "$child" --proof-only
    take "proof without the plan, $name" bin/famkit verify "$parent" "$child" --proof-only --infer
  done
  bytes=$(cat "$child"/*.safetensors | wc -c)
  row "expand $name" "cp $name" "$bytes"
  bytes=$((bytes + $(cat "$parent"/*.safetensors | wc -c)))
  row "proof $name" "cat $name" "$bytes"
  row "proof without the plan, $name" "cat $name" "$bytes"
  rm -rf "$child"
}

real_gguf
bin/famkit convert "$GGUF" "$WORK/smollm2" >"$WORK/log" 2>&1 || die "convert: $(tail -n 2 "$WORK/log")"
python3 "$interop/sparse.py" "$WORK/sparse" 32
python3 "$interop/sparse.py" "$WORK/slice" "${LAYERS:-1}"

echo "| median of $rounds | MB written or read | famkit, s | cp and fsync, or cat, s | fraction of its speed | peak RSS, MiB |"
echo "| --- | ---: | ---: | ---: | ---: | ---: |"
growth "SmolLM2-135M depth 2x (F32)" "$WORK/smollm2" --depth 2x
growth "SmolLM2-135M hidden 768, heads 12 (F32, scaled)" "$WORK/smollm2" --hidden 768 --heads 12
rounds=1
# shellcheck disable=SC2016
take "plan of 8B, depth 2x (-n)" bash -c 'bin/famkit expand "$1" "$2" --depth 2x -n || [ $? = 4 ]' - "$WORK/sparse" "$WORK/none"
growth "8B widths, ${LAYERS:-1} layers, depth +1 (BF16, once)" "$WORK/slice" --depth +1
growth "8B widths, ${LAYERS:-1} layers, hidden 5120, heads 40 (BF16, scaled, once)" "$WORK/slice" --hidden 5120 --heads 40
read -r wall rss <<<"$(summary "plan of 8B, depth 2x (-n)")"
echo "| plan of the whole 8B, depth 2x (-n) | 0 | $wall | - | - | $rss |"
over=$(awk -F '\t' '($1 ~ /^(expand|proof|plan)/) && $3 > 256 { print $1 ": " $3 " MiB" }' "$WORK/rows.tsv")
if [ -n "$over" ]; then die "more than 256 MiB: $over"; fi
