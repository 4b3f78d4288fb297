#!/usr/bin/env bash
# From a fresh checkout to a warm answer:
#
#   bash installers/try.sh ["question"]
#
# Makes an environment in .venv, compiles llama.cpp (once), fetches a small model, starts the
# daemon and asks it the question. Run again it takes seconds. HOB_HOME=DIR keeps everything
# that the daemon writes in DIR.
set -euo pipefail
# shellcheck source=installers/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

question=${1:-"What is a hearth? Answer in one sentence."}
hob=$venv/bin/hob

step "Setting up Hob in $venv"
make_venv
if has_screen; then
    need_screen_libraries
    install_hob_with_desktop
else
    install_hob
fi

step "Starting the daemon"
"$hob" up --no-wait || give_up "The daemon did not start." \
    "$hob doctor     looks for the cause" \
    "$hob logs       shows what the daemon wrote"

step "Fetching the starter model (SmolLM2-135M-Instruct, 98 MB)"
"$hob" models pull starter || give_up "The starter model could not be fetched." \
    "Check the network, then run the same command again." \
    "Or put a .gguf file of yours into the models folder; '$hob models' says where it is."

step "Asking: $question"
# Whatever runs this script may have left a pipe open; it is no part of the question.
"$hob" ask "$question" </dev/null || give_up "The model did not answer." \
    "$hob status     says how the model is" \
    "$hob doctor     looks for the cause" \
    "$hob logs       shows what the daemon wrote"

step "Hob is running, and its model stays warm"
"$hob" status
if has_screen; then
    cat <<END

Hob's icon is in the tray. Press:
  Ctrl+Alt+Space   to ask
  Ctrl+Alt+C       for what can be done with what you have copied
END
fi
cat <<END

The command is $hob. This line puts it on your PATH:
  export PATH="$venv/bin:\$PATH"

Try next:
  hob chat                                     a conversation
  hob ask -f "$root/README.md" "Sum this up"   a file, or a pipe, as the text to ask about
  hob models                                   what is there; put any .gguf file beside it
  hob api on                                   an OpenAI endpoint for editors and SDKs

To stop:
  hob down
END
