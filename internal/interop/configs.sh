#!/usr/bin/env bash
# Holds famkit's tables of config keys (docs/formats.md) against transformers 5 and 4, whose code is the truth:
#   1. every name that their config classes have, or that their code asks of a config, has a rule;
#   2. from_pretrained and generate look for no file that is not on famkit's list;
#   3. a child with other settings than its parent, against which famkit says nothing, loads in both and computes the same: at once,
#      token by token with a cache, in chunks, in generate() (configs/variants.py makes them, configs/check.py compares);
#   4. the types in which they hold weights are those that famkit says (configs/dtypes.py);
#   5. an adapter beside the weights changes the function, and famkit refuses it (configs/adapter.py).
# CONFIGS=N takes N children (1500; "all" takes every one, which is an hour or two); SEED=S others; KEEP=1 keeps the outputs.
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
for v in 5 4; do
  py=PY$v
  "${!py}" "$dir/names.py" "$WORK/names$v.json" 2>"$WORK/log" || die "names.py: $(tail -n 2 "$WORK/log")"
  "${!py}" "$dir/files.py" "$WORK/bases/llama" 2>"$WORK/log" || { tail -n 3 "$WORK/log" >&2 && status=1; }
  "${!py}" "$dir/dtypes.py" "$judge" "$WORK/bases/llama" "$WORK/dtypes" 2>"$WORK/log" || { tail -n 3 "$WORK/log" >&2 && status=1; }
  PYTHONPATH=$PEFT "${!py}" "$dir/adapter.py" "$judge" "$WORK/bases/llama" "$WORK/adapter" 2>"$WORK/log" ||
    { tail -n 3 "$WORK/log" >&2 && status=1; }
done
python3 "$dir/table.py" "$WORK/table.json" "$WORK/names5.json" "$WORK/names4.json" || status=1

python3 "$dir/variants.py" "$WORK/names5.json" "$WORK/names4.json" "$WORK/bases" "$WORK/all.jsonl" --pairs 100 --seed "${SEED:-1}"
"$judge" judge "$WORK/all.jsonl" "$WORK/verdicts.jsonl"
python3 "$dir/sample.py" "$WORK/all.jsonl" "$WORK/verdicts.jsonl" "$WORK/variants.jsonl" "${CONFIGS:-1500}" "${SEED:-1}"
for v in 5 4; do
  py=PY$v
  "${!py}" "$dir/run.py" "$WORK/variants.jsonl" "$WORK/outcomes$v.jsonl" "$WORK/child$v" 2>"$WORK/log$v" &
done
wait
python3 "$dir/check.py" "$WORK/variants.jsonl" "$WORK/verdicts.jsonl" "$WORK/outcomes5.jsonl" "$WORK/outcomes4.jsonl" ||
  { tail -qn 2 "$WORK/log5" "$WORK/log4" >&2 && status=1; }
exit $status
