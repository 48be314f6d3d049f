"""Artifacts in the store, and the texts of them that consumers read.

`compiled_prompts` is the consumers' table (its columns are their contract); nothing else writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from g6o_eval.artifact import Artifact, digest
from g6o_eval.errors import DataError, MissingError
from g6o_eval.store.port import Change, Row, Store, Value
from g6o_eval.store.record import seal, unseal

MOST_BYTES = 65_535
"""What the TEXT column of compiled_prompts holds, in bytes of UTF-8."""

_ARTIFACT = ("artifact_digest", "eval_name", "program_digest", "prompt_digest", "body", "body_sha256")
_PROMPT = ("prompt_id", "module_name", "signature_name", "compiled_prompt", "compiled_at", "dspy_version")
_WIDTHS = {"prompt_id": 200, "module_name": 100, "signature_name": 100, "dspy_version": 20}  # characters
_SELECT = "SELECT artifact_digest, body, body_sha256 FROM g6o_artifacts WHERE artifact_digest"


def artifact_digest(artifact: Artifact) -> str:
    """Return what an artifact is stored under: one SHA-256 over its program and its prompt digest."""
    return digest({"program": artifact.program_digest, "prompt": artifact.prompt_digest})


def read_artifact(store: Store, wanted: str, *, at: str | None = None) -> Artifact:
    """Return the artifact of a digest, its bytes checked against their SHA-256 and against its digest.

    Raises:
        MissingError: there is none.
        DataError: it is not what was written.
    """
    return _only(_opened(store.read(f"{_SELECT} = ?", (wanted,), at=at)), wanted)


def artifact_in(change: Change, wanted: str) -> Artifact:
    """Return the artifact of a digest as an open change sees it; raises what read_artifact raises."""
    return _only(artifacts_in(change, (wanted,)), wanted)


def artifacts_in(change: Change, wanted: Sequence[str]) -> dict[str, Artifact]:
    """Return those of these digests that there are, each checked as in read_artifact, in one statement."""
    return _opened(change.read(f"{_SELECT} IN ({', '.join('?' * len(wanted))})", wanted))


def store_artifact(change: Change, artifact: Artifact) -> None:
    """Write an artifact that the store does not have yet."""
    key = artifact_digest(artifact)
    row = (key, artifact.eval_name, artifact.program_digest, artifact.prompt_digest, *seal(artifact.to_json()))
    change.insert("g6o_artifacts", _ARTIFACT, [row])


def publish_texts(change: Change, artifact: Artifact | None, *, leaving: Artifact | None, at: str) -> None:
    """Put an artifact's texts where consumers read; take away what only the leaving one published.

    Args:
        change: an open change.
        artifact: None: nothing is published any more.
        leaving: what was live.
        at: UTC, ISO 8601 with seconds.
    """
    texts = artifact.texts if artifact else {}
    for prompt_id in sorted(set(leaving.texts if leaving else ()) - set(texts)):
        change.execute("DELETE FROM compiled_prompts WHERE prompt_id = ?", (prompt_id,))
    if artifact is None:
        return
    made = at.replace("T", " ")[:19]  # DATETIME has no time zone; consumers take it as UTC
    version = artifact.lineage.dspy_version
    rows: list[Row] = [
        (prompt_id, artifact.module_name, artifact.signature_name, texts[prompt_id], made, version)
        for prompt_id in sorted(texts)
    ]
    change.upsert("compiled_prompts", _PROMPT, rows, key=("prompt_id",))


def check_texts(artifact: Artifact) -> None:
    """Raise DataError unless every text and name fits the table that consumers read."""
    named = {"module_name": artifact.module_name, "signature_name": artifact.signature_name}
    named["dspy_version"] = artifact.lineage.dspy_version
    for column, text in [*named.items(), *(("prompt_id", prompt_id) for prompt_id in artifact.texts)]:
        if not 1 <= len(text) <= _WIDTHS[column]:
            raise DataError(
                f"{artifact.eval_name}: {column} {text!r} has {len(text)} characters, "
                f"compiled_prompts holds 1 to {_WIDTHS[column]}"
            )
    if not artifact.texts:
        raise DataError(f"{artifact.eval_name}: the artifact publishes no text")
    for prompt_id, text in artifact.texts.items():
        size = len(text.encode("utf-8", "surrogatepass"))
        if not text.strip() or size > MOST_BYTES:
            raise DataError(
                f"{artifact.eval_name}: the text of {prompt_id!r} has {size} bytes, compiled_prompts holds a text of "
                f"1 to {MOST_BYTES} that is not blank. Publish less: fewer demos, or more prompt ids"
            )


def _opened(found: Iterable[Row]) -> dict[str, Artifact]:
    return {str(digest): _open(str(digest), body, sha256) for digest, body, sha256 in found}


def _open(wanted: str, body: Value, sha256: Value) -> Artifact:
    artifact = Artifact.from_json(unseal(body, sha256, what=f"artifact {wanted[:12]}"))
    if artifact_digest(artifact) != wanted:
        raise DataError(f"artifact {wanted[:12]} holds another artifact: its digest is {artifact_digest(artifact)}")
    return artifact


def _only(found: dict[str, Artifact], wanted: str) -> Artifact:
    if wanted not in found:
        raise MissingError(f"the store has no artifact {wanted!r}")
    return found[wanted]
