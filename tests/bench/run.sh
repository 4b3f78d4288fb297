#!/usr/bin/env bash
# Measures Hob beside llama-server on this machine; about 40 minutes, and 10 more the first time.
#
#   bash tests/bench/run.sh [--rounds N] [--idle SECONDS] [--threads N] [--slots N] [--context N]
#       [--plot installers/benchmark.svg]
#
# Prints a table; every sample is in .cache/bench/results.json. The exit status is 1 when a figure
# misses its limit.
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../installers/lib.sh"
cd "$root"

make_venv
install_hob
"$venv/bin/python" -m hob.models.pull.starter .cache/models
server=$(bash tests/bench/peer.sh | tail -n 1)
export PYTHONPATH=$root/tests
exec "$venv/bin/python" -m bench --peer "$server" \
    --model .cache/models/SmolLM2-135M-Instruct-Q4_1.gguf "$@"
