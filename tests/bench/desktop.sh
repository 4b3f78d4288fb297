#!/usr/bin/env bash
# Measures the desktop on this machine, on a screen without hardware: from the hotkey to a window
# that can be typed into, from a change of the daemon to the tray's icon, what the process costs
# while nothing happens, and what a hotkey does to it that is pressed 500 times; then the first token
# of an action after its text was read ahead, against a text that was not. About 6 minutes.
#
#   bash tests/bench/desktop.sh
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../installers/lib.sh"
cd "$root"

make_venv
install_hob_with_desktop
install_dev_group
"$venv/bin/python" -m hob.models.pull.starter .cache/models
export PYTHONPATH=$root/tests PATH=$venv/bin:$PATH
export HOB_TEST_MODEL=$root/.cache/models/SmolLM2-135M-Instruct-Q4_1.gguf

status=0
step "the desktop"
python -m bench.desktop || status=$?
step "the first token of an action whose text was read ahead"
python -m bench.desktop_first_token || status=$?
exit "$status"
