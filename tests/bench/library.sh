#!/usr/bin/env bash
# Measures the library on this machine: what headers and scans cost, how soon a new file is told, a
# day of changes in a minute, how right the predicted memory is, and what switching models takes
# beside llama.cpp. About 10 minutes, and 10 more the first time.
#
#   bash tests/bench/library.sh
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../installers/lib.sh"
cd "$root"

make_venv
install_hob
install_dev_group
"$venv/bin/python" -m hob.models.pull.starter .cache/models
server=$(bash tests/bench/peer.sh | tail -n 1)
export PYTHONPATH=$root/tests PATH=$venv/bin:$PATH
starter=.cache/models/SmolLM2-135M-Instruct-Q4_1.gguf
other=.cache/models/gemma-3-270m-q4_k_m.gguf
[[ -f $other ]] || give_up "$other is not there." "Run this first, it fetches the tests' models:" \
    "    bash tests/run.sh"

step "headers"
python -m bench.headers
step "scans, new files, a day of changes"
python -m bench.library
step "predicted memory"
python -m bench.fit
step "switching"
exec python -m bench.switch --model "$starter" --other "$other" --peer "$server"
