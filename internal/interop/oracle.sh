#!/usr/bin/env bash
# Asks the real libraries again. Checks that fixtures/oracle still says what they compute, makes another set of tiny models in
# OUT (out/oracle) from SEED (1), and writes the golden files of tensor shapes, GGUF values and token ids anew: a difference
# under fixtures/ afterwards means that a library changed what it computes.
# The new set can be tried by: make interop ORACLE=out/oracle MODELS="llama-tied qwen3"
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs
out=${OUT:-out/oracle}

"$PY5" "$interop/oracle.py" --check fixtures/oracle/*/
"$PY5" "$interop/oracle.py" --out "$out" --seed "${SEED:-1}"
for script in "$interop"/shapes.py "$interop"/*_golden.py; do
  say "== $(basename "$script")"
  "$PY5" "$script"
done
