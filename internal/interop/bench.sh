#!/usr/bin/env bash
# bench.sh [files] [growth] [train] [kernels]: all when none is named. Prints Markdown tables and the machine they were taken on.
# ROUNDS (5) of the files, BENCHTIME (0.3s) of the kernels; PRECISIONS (f32,bf16) and TRAIN_ROUNDS (2) of the training.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
work_dir bench
measuring

files() {
  local model=$WORK/model grown=$WORK/grown i label wall rss bytes cpwall
  real_gguf
  take "convert GGUF to float32 directory: famkit" bin/famkit convert "$GGUF" "$model"
  for i in $(seq "${ROUNDS:-5}"); do
    rm -rf "$grown" "$WORK/copy"
    take "expand depth 30 -> 60: famkit" bin/famkit expand "$model" "$grown" --depth 2x
    # The same bytes to fresh files, and made durable as famkit makes them: data of each file, then the folder.
    # shellcheck disable=SC2016 # the inner shell expands them
    take "cp of the same bytes, and fsync" bash -c 'cp -r "$1" "$2" && sync "$2"/* "$2"' - "$grown" "$WORK/copy"
    if [ "$i" != 1 ]; then
      rm -rf "$WORK/model2"
      take "convert GGUF to float32 directory: famkit" bin/famkit convert "$GGUF" "$WORK/model2"
    fi
  done
  python_envs
  take "convert GGUF to float32 directory: transformers 4" "$PY4" "$interop/bench_convert.py" "$GGUF" "$WORK/theirs"
  bytes=$(du -sb "$grown" | cut -f1)
  read -r cpwall _ <<<"$(summary "cp of the same bytes, and fsync")"
  echo "| SmolLM2-135M, median of ${ROUNDS:-5} | wall, s | peak RSS, MiB | against cp of the grown model's $((bytes / 1000000)) MB |"
  echo "| --- | ---: | ---: | --- |"
  cut -f1 "$WORK/rows.tsv" | awk '!seen[$0]++' | while read -r label; do
    read -r wall rss <<<"$(summary "$label")"
    echo "| $label | $wall | $rss | $(awk -v a="$cpwall" -v b="$wall" -v l="$label" 'BEGIN { if (l ~ /^convert/) print "-"; else printf "%.2f of its speed\n", a / b }') |"
  done
}

train() {
  python_envs
  python3 "$interop/bench_train.py" "$timed" "$PY5" "${PRECISIONS:-f32,bf16}" "${SHAPE:-4x256}" "${TRAIN_ROUNDS:-2}"
}

growth() { "$interop/bench_growth.sh"; }

kernels() {
  go test -run '^$' -bench . -benchtime "${BENCHTIME:-0.3s}" ./internal/kern/... ./internal/engine/cpu/... | grep -E '^(Benchmark|goos|FAIL)'
}

if [ $# -eq 0 ]; then set -- files growth train kernels; fi
for what; do
  case $what in
    files | growth | train | kernels) "$what" ;;
    *) die "unknown part $what: files, growth, train or kernels" ;;
  esac
  echo
done
echo "machine: $(machine)"
