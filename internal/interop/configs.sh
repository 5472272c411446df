#!/usr/bin/env bash
# Holds famkit's tables of config keys (docs/formats.md) against transformers 5 and 4, whose code is the truth:
#   1. every name that their config classes have, or that their code asks of a config, has a rule (configs/table.py);
#   2. from_pretrained and generate look for no file that famkit does not know of (configs/files.py);
#   3. the types in which they hold weights are those that famkit says (configs/dtypes.py);
#   4. an adapter beside the weights changes the function, and famkit refuses it (configs/adapter.py);
#   5. tensors under other names load where famkit says so, and what famkit ignores they ignore (configs/layouts.py);
#   6. a checkpoint that they save again is the one that it was (configs/resaved.py);
#   7. a child with other settings than its parent, against which famkit says nothing, loads in both and computes the
#      same: at once, token by token with a cache, in chunks, in generate(); one that famkit takes for another model has
#      famkit's logits (configs/variants.py makes them, configs/check.py compares).
# CONFIGS=N takes N children (1200; "all" takes every one, which is two hours); SEED=S others; KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs
peft_lib
work_dir configs
dir=$interop/configs
judge=$WORK/configs
go build -o "$judge" ./internal/interop/configs
"$judge" bases "$WORK/bases"
"$judge" table >"$WORK/table.json"

status=0
# check PYTHON SCRIPT ARGUMENTS...: one of the scripts, its complaints shown.
check() {
  local py=$1 script=$2
  shift 2
  "$py" "$dir/$script" "$@" 2>"$WORK/log" || { tail -n 3 "$WORK/log" >&2 && status=1; }
}

for v in 5 4; do
  py=PY$v
  check "${!py}" names.py "$WORK/names$v.json"
  check "${!py}" files.py "$WORK/bases/llama"
  check "${!py}" dtypes.py "$judge" "$WORK/bases/llama" "$WORK/dtypes"
  PYTHONPATH=$PEFT check "${!py}" adapter.py "$judge" "$WORK/bases/llama" "$WORK/adapter"
  check "${!py}" layouts.py "$judge" "$WORK/bases" "$WORK/layout"
  check "${!py}" resaved.py "$judge" "$WORK/bases" "$WORK/resaved"
done
names=("$WORK/names5.json" "$WORK/names4.json")
check python3 table.py "$WORK/table.json" "${names[@]}"

children=$WORK/children.jsonl verdicts=$WORK/verdicts.jsonl variants=$WORK/variants.jsonl
check python3 variants.py "${names[@]}" "$WORK/bases" "$children" --pairs 100 --seed "${SEED:-1}"
"$judge" judge "$children" "$verdicts"
check python3 sample.py "$children" "$verdicts" "$variants" "${CONFIGS:-1200}" "${SEED:-1}"
check "$PY5" logits.py bin/famkit "$variants" "$verdicts" "$WORK/logits"
for v in 5 4; do
  py=PY$v
  "${!py}" "$dir/run.py" "$variants" "$WORK/outcomes$v.jsonl" "$WORK/child$v" "$WORK/logits" 2>"$WORK/log$v" &
done
wait
check python3 check.py "$variants" "$verdicts" "$WORK/outcomes5.jsonl" "$WORK/outcomes4.jsonl"
exit $status
