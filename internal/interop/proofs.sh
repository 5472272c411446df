#!/usr/bin/env bash
# proofs.sh DAMAGED SEED: holds docs/check_proof.py against bin/famkit on every growth and on so many damaged children.
# ORACLE=DIR takes other tiny models than fixtures/oracle; KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs
work_dir proofs
mkdir -p "$WORK/attacks" "$WORK/models"
FAMKIT_ATTACKS=$WORK/attacks go test -count=1 ./internal/proof >"$WORK/log" 2>&1 || die "internal/proof: $(tail -n 3 "$WORK/log")"
"$PY5" "$interop/check_proofs.py" bin/famkit "${ORACLE:-fixtures/oracle}" "$WORK/models" --damaged "$1" --seed "$2" --attacks "$WORK/attacks"
