#!/usr/bin/env bash
# Grows oracle models by mergekit and by other tools' published rules, and has `famkit verify --infer` prove or refuse them
# (othertools.py). ORACLE=DIR takes the models from elsewhere. KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs

mergekit_env
work_dir othertools
if ! "$MERGEKIT" "$interop/othertools.py" bin/famkit "${ORACLE:-fixtures/oracle}" "$WORK/out" 2>"$WORK/log"; then
  tail -n 5 "$WORK/log" >&2
  exit 1
fi
