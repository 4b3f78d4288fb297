# shellcheck shell=bash
# What installers/try.sh and tests/run.sh share: finding Python, installing what is missing,
# and long steps with a live line. Sourced; it sets $root (the checkout), $venv and $log.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
wheels=$root/.cache/wheels
log=$root/.cache/logs/setup.log
mkdir -p "$root/.cache/logs" "$wheels"

say() { printf '%s\n' "$*"; }

# step WHAT: a heading for what follows.
step() { printf '\n==> %s\n' "$*"; }

# give_up WHAT [HOW TO GO ON ...]: says both and ends the script.
give_up() {
    printf '\nFAILED: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# quietly WHAT COMMAND...: runs COMMAND with its output in $log. On a terminal one live line says
# what is going on and for how long; elsewhere a line every half minute does.
quietly() {
    local what=$1 began=$SECONDS told=0 job status=0
    shift
    printf '\n[%s] $ %s\n' "$(date +%T)" "$*" >>"$log"
    local from
    from=$(wc -c <"$log")
    # A process group of its own, so that Ctrl-C ends a compiler's children too.
    set -m
    "$@" </dev/null >>"$log" 2>&1 &
    job=$!
    set +m
    trap 'kill -- -"$job" 2>/dev/null; printf "\nStopped. What is done so far is kept: run the same line again to go on.\n" >&2; exit 130' INT TERM
    while kill -0 "$job" 2>/dev/null; do
        if [[ -t 1 ]]; then
            printf '\r\033[K    %s  %s%s' "$what" "$(elapsed "$began")" "$(compiled_share "$from")"
        elif ((SECONDS - began >= told + 30)); then
            told=$((SECONDS - began))
            printf '    %s  %s%s\n' "$what" "$(elapsed "$began")" "$(compiled_share "$from")"
        fi
        sleep 0.3
    done
    wait "$job" || status=$?
    trap - INT TERM
    if [[ -t 1 ]]; then printf '\r\033[K'; fi
    if ((status == 0)); then
        printf '    %s: done, %s\n' "$what" "$(elapsed "$began")"
        return 0
    fi
    printf '    %s: failed (exit status %s). The log ends with:\n\n' "$what" "$status" >&2
    tail -n 25 "$log" | sed 's/^/    | /' >&2
    return "$status"
}

elapsed() {
    local s=$((SECONDS - $1))
    printf '%d:%02d' $((s / 60)) $((s % 60))
}

# How far a compilation is, from the last "[12/345]" (ninja) or "[ 12%]" (make) of the log.
compiled_share() {
    local found
    found=$(tail -c "+$1" "$log" | tail -c 4000 | grep -oE '\[ *[0-9]+(/[0-9]+|%)\]' | tail -n 1) || return 0
    printf '  compiling %s' "$found"
}

# can_install: may this user install Debian packages without being asked for a password?
can_install() {
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) || sudo -n true 2>/dev/null
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# debian_packages WHAT-FOR PACKAGE...: installs those that are missing, or says how.
debian_packages() {
    local why=$1 package missing=()
    shift
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *' installed' ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    can_install || give_up "${missing[*]} missing: $why." \
        "Installing needs an administrator. Run this line, then the same command again:" \
        "    sudo apt-get update && sudo apt-get install -y ${missing[*]}"
    local apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
    if [[ -z ${lists_are_new-} ]]; then
        quietly "reading Debian's package lists" "${apt[@]}" update || give_up "apt-get update" \
            "Check the network and /etc/apt/sources.list, then run the same command again."
        lists_are_new=yes
    fi
    quietly "installing ${missing[*]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
        give_up "apt-get install ${missing[*]}" "The whole log: $log"
}

# usable_python PROGRAM: is it a Python that Hob runs on?
usable_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# find_python: prints the first usable Python.
find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if usable_python "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# make_venv: an environment of Hob's own in $venv, kept when it is there and works.
make_venv() {
    # An environment knows its own place: in a checkout that was moved it must be made again.
    if usable_python "$venv/bin/python" && grep -qsF "$venv/bin" "$venv/bin/pip"; then
        return 0
    fi
    local python
    if ! python=$(find_python); then
        command -v apt-get >/dev/null || give_up "Python 3.11 to 3.14 was not found." \
            "Install one (https://www.python.org/downloads/), then run the same command again."
        debian_packages "Hob is written in Python" python3 python3-venv
        python=$(find_python) || give_up "This Debian's Python is older than 3.11." \
            "Debian 12 and later have a newer one; or install one under the name python3.11," \
            "then run the same command again."
    fi
    # Debian keeps the part of Python that makes environments in a package of its own.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || give_up "$python has no 'venv' module." \
            "Install it as your system provides it, then run the same command again."
        local version
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        debian_packages "Python's venv module makes Hob's environment" "python$version-venv"
    fi
    quietly "making the environment $venv" "$python" -m venv --clear "$venv" ||
        give_up "$python could not make the environment $venv." "The whole log: $log"
}

# need_compiler: llama.cpp is compiled on this machine, for this machine's processor.
need_compiler() {
    if command -v c++ >/dev/null && command -v cc >/dev/null; then return 0; fi
    if command -v apt-get >/dev/null; then
        debian_packages "llama.cpp is compiled on this machine" g++ gcc make libc6-dev
    elif [[ $OSTYPE == darwin* ]]; then
        give_up "A C++ compiler is missing." "Run this line, then the same command again:" \
            "    xcode-select --install"
    else
        give_up "A C++ compiler is missing." \
            "Install g++ and make as your system provides them, then run the same command again."
    fi
}

# llama_version: prints the version of llama-cpp-python that pyproject.toml asks for.
llama_version() {
    sed -nE 's/^ *"llama-cpp-python==([0-9.]+)",$/\1/p' "$root/pyproject.toml"
}

# llama_wheel: prints the file of the compiled llama-cpp-python, or nothing.
llama_wheel() {
    find "$wheels" -name "llama_cpp_python-$(llama_version)-*.whl" | head -n 1
}

# compile_llama: llama.cpp is compiled once, and the result kept in $wheels.
compile_llama() {
    [[ -z $(llama_wheel) ]] || return 0
    local cached
    # pip keeps what it compiled: another checkout on this machine may have done the work.
    cached=$(python_pip cache list --format=abspath "llama_cpp_python-$(llama_version)-*" 2>/dev/null | head -n 1) || true
    if [[ -f $cached ]]; then
        cp "$cached" "$wheels/"
        return 0
    fi
    need_compiler
    say "    llama.cpp is compiled for this machine: about 10 minutes on 2 cores, once."
    quietly "compiling llama.cpp" python_pip wheel --verbose --no-deps \
        --wheel-dir "$wheels" "llama-cpp-python==$(llama_version)" ||
        give_up "llama.cpp could not be compiled." "The whole log: $log" \
            "Run the same command again to try once more."
}

python_pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# Did pyproject.toml change since the installation that left its mark in this file?
installed() { [[ -f $1 && $(<"$1") == "$(cksum <"$root/pyproject.toml")" ]]; }

# has_screen: is there a desktop here that Hob could show itself on?
has_screen() {
    [[ -n ${DISPLAY-} || -n ${WAYLAND_DISPLAY-} || $OSTYPE == darwin* ]]
}

# need_screen_libraries: what Qt opens at run time and Debian's desktops often lack.
need_screen_libraries() {
    command -v apt-get >/dev/null || return 0
    local packages
    mapfile -t packages < <(grep -v '^#' "$root/installers/debian-desktop-packages.txt")
    debian_packages "the tray and the windows use them" "${packages[@]}"
}

# install_hob_with_desktop: and with what the tray and the windows need.
install_hob_with_desktop() {
    local extra=desktop
    install_hob
}

# install_hob: Hob from this checkout, with the libraries it needs.
install_hob() {
    local mark=$venv/.hob-installed${extra:+-$extra}
    # With the desktop's libraries is more than without.
    if installed "$mark" || installed "$venv/.hob-installed-desktop"; then return 0; fi
    compile_llama
    quietly "installing Hob and its libraries" python_pip install "$(llama_wheel)" --editable "$root${extra:+[$extra]}" ||
        give_up "Hob's libraries could not be installed." \
            "Check the network, then run the same command again. The whole log: $log"
    "$venv/bin/python" -c 'import llama_cpp' >>"$log" 2>&1 ||
        give_up "llama.cpp was installed, and cannot be loaded." \
            "It may have been compiled for another processor; this makes it anew:" \
            "    rm -r '$wheels' '$venv', then run the same command again" \
            "The whole log: $log"
    cksum <"$root/pyproject.toml" >"$mark"
}

# install_dev_group: what the checks and tests use.
install_dev_group() {
    local mark=$venv/.hob-dev-installed
    if installed "$mark"; then return 0; fi
    # Dependency groups need pip 25.1; Debian 12's environments begin with pip 23.
    { quietly "updating pip" python_pip install --upgrade 'pip>=25.1' &&
        quietly "installing the tests' libraries" python_pip install --group "$root/pyproject.toml:dev"; } ||
        give_up "The tests' libraries could not be installed." \
            "Check the network, then run the same command again. The whole log: $log"
    cksum <"$root/pyproject.toml" >"$mark"
}
