#!/usr/bin/env bash
# Grows oracle models by mergekit and by other tools' published rules, and has `famkit verify --infer` prove or refuse them
# (othertools.py). ORACLE=DIR takes the models from elsewhere. KEEP=1 keeps the outputs.
set -euo pipefail
# shellcheck source=internal/interop/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
python_envs

# mergekit_env sets MERGEKIT: a Python that sees the main environment's packages and mergekit.
mergekit_env() {
  local dir=$cache/mergekit wanted=$interop/requirements-mergekit.txt ready
  MERGEKIT=$dir/bin/python
  ready=$dir/$(stamp "$interop/requirements.txt" "$wanted")
  if [ -e "$ready" ]; then return 0; fi
  exec 9>"$cache/mergekit.lock"
  flock 9
  if [ ! -e "$ready" ]; then
    say "making $dir (mergekit on the main environment's packages)"
    rm -rf "$dir"
    "$PY5" -m venv --without-pip "$dir"
    "$PY5" -c 'import site; print(site.getsitepackages()[0])' >"$("$MERGEKIT" -c 'import site; print(site.getsitepackages()[0])')/shared.pth"
    retry "$MERGEKIT" -m pip install -q --no-deps -r "$wanted" || die "mergekit could not be installed"
    "$MERGEKIT" -c 'import mergekit.merge' || die "mergekit does not work on these packages"
    touch "$ready"
  fi
  exec 9>&-
}

mergekit_env
work_dir othertools
if ! "$MERGEKIT" "$interop/othertools.py" bin/famkit "${ORACLE:-fixtures/oracle}" "$WORK/out" 2>"$WORK/log"; then
  tail -n 5 "$WORK/log" >&2
  exit 1
fi
