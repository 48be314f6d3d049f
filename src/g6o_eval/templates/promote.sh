#!/usr/bin/env bash
# After the merge: judge on the production store, then put live what passed. Called by promote.yml, and by you:
#   G6O_STORE=dolt://promoter@host:3306/evals bash promote.sh [options of g6o-eval promote]
#
# It judges where it promotes: a verdict of another store is never believed.
#
# G6O_STORE   the production store, with a user that may write
# G6O_EVALS   where the eval tests are; default evals/
set -euo pipefail

if [[ -z "${G6O_STORE:-}" ]]; then
    echo "::error title=evals::G6O_STORE is empty, so nothing can be promoted. Set the secret that promote.yml names." >&2
    exit 2
fi

pytest "${G6O_EVALS:-evals/}"
g6o-eval promote --all "$@"
