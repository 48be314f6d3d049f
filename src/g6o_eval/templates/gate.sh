#!/usr/bin/env bash
# Judge the evals of a pull request; its verdict dies with the job. Called by gate.yml, and by you:
#   G6O_STORE=dolt://judge@host:3306/evals bash gate.sh [pytest options]
#
# G6O_STORE   the store that holds the Examples and what is live; a user that may only SELECT is enough
# G6O_FORK    "true" when the pull request comes from a fork, whose job gets no secret
# G6O_EVALS   where the eval tests are; default evals/
set -euo pipefail

if [[ -z "${G6O_STORE:-}" ]]; then
    if [[ "${G6O_FORK:-}" == "true" ]]; then
        said="NOT JUDGED: this pull request comes from a fork, whose job gets no store. Nothing goes live before promote.yml has judged it on the production store; to judge it before the merge, a maintainer pushes its branch to this repository."
        echo "::warning title=evals::${said}"
        echo "${said}" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
        exit 0
    fi
    echo "::error title=evals::G6O_STORE is empty, so nothing can be judged. Set the secret that gate.yml names." >&2
    exit 2
fi

exec pytest "${G6O_EVALS:-evals/}" "$@"
