#!/usr/bin/env bash
# proofs.sh DAMAGED SEED: holds docs/check_proof.py against bin/famkit on every growth and on so many damaged children.
# ORACLE=DIR takes other tiny models than fixtures/oracle; KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs
work_dir proofs
"$PY5" "$interop/check_proofs.py" bin/famkit "${ORACLE:-fixtures/oracle}" "$WORK" --damaged "$1" --seed "$2"
