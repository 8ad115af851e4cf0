#!/usr/bin/env bash
# Pin each role's dependencies with hashes. No index is named: the machine's own configuration says where they come from.
set -euo pipefail
cd "$(dirname "$0")/.."

pin() { # pin NAME EXTRA...
    local name=$1 extras=()
    shift
    for extra in "$@"; do extras+=(--extra "$extra"); done
    .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
        --python-version 3.11 --upgrade "${extras[@]}" pyproject.toml ${EXTRA_INPUT:-} -o "requirements/$name.txt"
}

.venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade \
    requirements/uv.in -o requirements/uv.txt
pin worker worker registry
pin bridge bridge registry
EXTRA_INPUT=requirements/build.in pin dev dev
EXTRA_INPUT=requirements/torch-tests.in pin torch torch
