#!/usr/bin/env bash
# Compiles kernels.cu to the PTX that is shipped, and prints the registers of every kernel on each architecture. Needs Python 3 with pip;
# the compilers are NVIDIA's wheels in the cache folder (60 MB), no driver and no GPU.
# NVRTC is the oldest of CUDA 12, so that every driver from CUDA 12.0 on takes its PTX; ptxas is the newest, so that it knows all devices.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/famkit
wheels=(nvidia-cuda-nvrtc-cu12==12.0.76 nvidia-cuda-nvcc-cu12==12.9.86)
env=$cache/kernels-$(printf '%s\n' "${wheels[@]}" | sha256sum | cut -c1-12)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
if [ ! -e "$env/complete" ]; then
  rm -rf "$env"
  python3 -m venv "$env"
  "$env/bin/pip" install --quiet --no-deps "${wheels[@]}"
  touch "$env/complete"
fi
ptxas=$(echo "$env"/lib/python3*/site-packages/nvidia/cuda_nvcc/bin/ptxas)
"$env/bin/python" "$here/build.py" "$here" "$ptxas"
