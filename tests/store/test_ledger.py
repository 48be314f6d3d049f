from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.errors import DataError, MissingError, RefusedError, StaleError, UnavailableError
from g6o_eval.store.artifacts import MOST_BYTES
from g6o_eval.store.ledger import (
    Order,
    artifact_digest,
    eval_names,
    history,
    live,
    read_artifact,
    record_promotion,
    record_reinstate,
    record_rollback,
    revoked,
)
from g6o_eval.store.port import Change, Store, Value


def artifact(program: str, *, name: str = "triage", texts: dict[str, str] | None = None, **changes: Any) -> Artifact:
    fields: dict[str, Any] = {
        "eval_name": name,
        "program": program,
        "texts": {f"{name}:classifier": f"text of {program}"} if texts is None else texts,
        "rendered": f"rendered {program}",
        "module_name": "ChainOfThought",
        "signature_name": "Triage",
        "lineage": Lineage(data_commit="d1", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0"),
    }
    return Artifact(**fields | changes)


A, B, C = artifact("A"), artifact("B"), artifact("C")


def promote(store: Store, candidate: Artifact, **changes: Any) -> str:
    current = live(store, candidate.eval_name)
    facts: dict[str, Any] = {"run_id": "01RUN", "expected_live": current.program_digest if current else None}
    order = Order(by="ci", reason="passed", allow_offline=changes.pop("allow_offline", False))
    return record_promotion(store, candidate, order, **facts | changes)


def back(store: Store, name: str = "triage") -> str | None:
    return record_rollback(store, name, by="ann", reason="worse").artifact_digest


def prompts(store: Store, *, at: str | None = None) -> dict[Value, Value]:
    rows = store.read("SELECT prompt_id, compiled_prompt FROM compiled_prompts", at=at)
    return {row[0]: row[1] for row in rows}


def live_digest(store: Store, name: str = "triage") -> str | None:
    entry = live(store, name)
    return entry.artifact_digest if entry else None


def test_a_promotion_is_one_commit_with_artifact_entry_and_prompt(store: Store) -> None:
    before = store.head()

    commit = promote(store, A, allow_offline=True)

    assert store.head() == commit != before
    assert store.dirty() == ()
    (entry,) = history(store, "triage")
    assert (entry.seq, entry.action, entry.run_id, entry.by, entry.reason, entry.allow_offline) == (
        1, "promote", "01RUN", "ci", "passed", True,
    )  # fmt: skip
    assert (entry.artifact_digest, entry.program_digest) == (artifact_digest(A), A.program_digest)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", entry.at)
    assert live(store, "triage") == entry
    assert read_artifact(store, artifact_digest(A)) == A
    assert (history(store, "triage", at=before), prompts(store, at=before)) == ((), {})
    assert len(prompts(store, at=commit)) == 1


def test_consumers_read_the_text_with_its_names_and_a_utc_time(store: Store) -> None:
    promote(store, A)

    ((prompt_id, module, signature, text, made, version),) = store.read("SELECT * FROM compiled_prompts")

    assert (prompt_id, module, signature, text, version) == (
        "triage:classifier", "ChainOfThought", "Triage", "text of A", "3.4.1",
    )  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(made))


def test_a_promotion_gets_its_label(store: Store) -> None:
    first = promote(store, A)
    promote(store, B)
    back(store)

    assert list(prompts(store, at="prompt/triage@1").values()) == ["text of A"]
    assert list(prompts(store, at="prompt/triage@2").values()) == ["text of B"]
    assert list(prompts(store, at="prompt/triage@3").values()) == ["text of A"]
    assert history(store, "triage", at="prompt/triage@1") == history(store, "triage", at=first)


def test_a_later_promotion_replaces_texts_and_deletes_ids_that_it_does_not_publish(store: Store) -> None:
    promote(store, artifact("A", texts={"t:one": "1", "t:two": "2"}))
    promote(store, artifact("B", texts={"t:two": "2b", "t:three": "3"}))

    assert prompts(store) == {"t:two": "2b", "t:three": "3"}


def test_rows_of_consumers_that_no_eval_published_stay(store: Store) -> None:
    with store.change("By hand") as change:
        change.insert(
            "compiled_prompts",
            ("prompt_id", "module_name", "signature_name", "compiled_prompt", "compiled_at", "dspy_version"),
            [("card-exit:x", "m", "s", "old", "2026-01-01 00:00:00", "3")],
        )

    promote(store, A)
    back(store)

    assert prompts(store) == {"card-exit:x": "old"}


def test_a_promotion_against_something_else_is_stale(store: Store) -> None:
    promote(store, A)
    head = store.head()

    with pytest.raises(StaleError) as caught:
        promote(store, B, expected_live=None)
    with pytest.raises(StaleError) as other:
        promote(store, B, expected_live=C.program_digest)

    assert str(caught.value) == (
        f"triage: it was judged against nothing live, but program {A.program_digest[:12]} "
        "is live since entry 1 by 'ci'. Judge again: pytest evals/"
    )
    assert str(other.value).startswith(f"triage: it was judged against program {C.program_digest[:12]}, but ")
    assert store.head() == head
    assert live_digest(store) == artifact_digest(A)


def test_a_promotion_against_what_was_withdrawn_is_stale(store: Store) -> None:
    promote(store, A)
    back(store)

    with pytest.raises(StaleError) as caught:
        promote(store, B, expected_live=A.program_digest)

    assert str(caught.value) == (
        f"triage: it was judged against program {A.program_digest[:12]}, but nothing is live. "
        "Judge again: pytest evals/"
    )


def test_a_rollback_brings_the_previous_artifact_back_and_revokes_the_one_it_leaves(store: Store) -> None:
    promote(store, A)
    promote(store, B)

    entry = record_rollback(store, "triage", by="ann", reason="worse in the field")

    assert (entry.seq, entry.action, entry.artifact_digest) == (3, "rollback", artifact_digest(A))
    assert (entry.program_digest, entry.run_id, entry.by, entry.reason) == (
        A.program_digest, "01RUN", "ann", "worse in the field",
    )  # fmt: skip
    assert live(store, "triage") == entry
    assert revoked(store, "triage") == {B.program_digest}
    assert prompts(store) == {"triage:classifier": "text of A"}


def test_a_rollback_without_a_previous_artifact_withdraws(store: Store) -> None:
    promote(store, A)

    entry = record_rollback(store, "triage", by="ann", reason="worse")

    assert (entry.action, entry.artifact_digest, entry.program_digest, entry.run_id) == ("withdraw", None, None, None)
    assert live(store, "triage") is None
    assert prompts(store) == {}
    assert revoked(store, "triage") == {A.program_digest}
    assert store.dirty() == ()


def test_rollbacks_go_back_one_by_one_and_never_to_what_was_left(store: Store) -> None:
    for each in (A, B, A, C):
        promote(store, each)

    seen = [back(store), back(store), back(store)]

    assert seen == [artifact_digest(A), artifact_digest(B), None]
    assert revoked(store, "triage") == {A.program_digest, B.program_digest, C.program_digest}


def test_a_promotion_after_a_rollback_rolls_back_to_what_was_live_then(store: Store) -> None:
    promote(store, A)
    promote(store, B)
    back(store)
    promote(store, C)

    assert back(store) == artifact_digest(A)


def test_a_rollback_of_nothing_is_refused(store: Store) -> None:
    with pytest.raises(RefusedError) as caught:
        back(store)

    assert str(caught.value) == "triage: nothing is live, so there is nothing to roll back"
    assert history(store, "triage") == ()


def test_a_revoked_program_cannot_be_promoted_until_it_is_reinstated(store: Store) -> None:
    promote(store, A)
    back(store)

    with pytest.raises(RefusedError) as caught:
        promote(store, A)
    entry = record_reinstate(store, "triage", A.program_digest, by="ann", reason="it was the data")
    after = live(store, "triage")
    promote(store, A)

    assert str(caught.value) == (
        f"triage: program {A.program_digest[:12]} was rolled back; run g6o-eval reinstate triage first"
    )
    assert (entry.action, entry.program_digest, entry.artifact_digest) == ("reinstate", A.program_digest, None)
    assert after is None
    assert live_digest(store) == artifact_digest(A)
    assert revoked(store, "triage") == frozenset()
    assert [entry.seq for entry in history(store, "triage")] == [1, 2, 3, 4]


def test_only_a_revoked_program_can_be_reinstated(store: Store) -> None:
    promote(store, A)

    with pytest.raises(RefusedError) as caught:
        record_reinstate(store, "triage", A.program_digest, by="ann", reason="why not")

    assert str(caught.value) == f"triage: program {A.program_digest[:12]} is not revoked"


def test_evals_do_not_touch_each_other(store: Store) -> None:
    promote(store, A)
    promote(store, artifact("X", name="recovery"))
    back(store, "recovery")

    assert eval_names(store) == ("recovery", "triage")
    assert live_digest(store) == artifact_digest(A)
    assert prompts(store) == {"triage:classifier": "text of A"}
    assert revoked(store, "triage") == frozenset()


def test_a_prompt_id_of_another_eval_is_refused(store: Store) -> None:
    promote(store, A)
    thief = artifact("X", name="recovery", texts={"triage:classifier": "mine"})

    with pytest.raises(RefusedError) as caught:
        promote(store, thief)

    assert caught.value.reasons == ("recovery: prompt id 'triage:classifier' is what eval 'triage' publishes",)
    assert prompts(store) == {"triage:classifier": "text of A"}


def test_a_rollback_to_a_prompt_id_that_another_eval_took_is_refused(store: Store) -> None:
    promote(store, artifact("A", texts={"shared": "A"}))
    promote(store, artifact("B", texts={"own": "B"}))
    promote(store, artifact("X", name="recovery", texts={"shared": "X"}))

    with pytest.raises(RefusedError, match="prompt id 'shared' is what eval 'recovery' publishes"):
        back(store)

    assert prompts(store) == {"own": "B", "shared": "X"}


def test_an_artifact_is_stored_once_with_its_first_lineage(store: Store) -> None:
    promote(store, A)
    promote(store, B)
    promote(store, replace(A, lineage=replace(A.lineage, data_commit="d2")))

    assert read_artifact(store, artifact_digest(A)).lineage.data_commit == "d1"
    assert list(store.read("SELECT COUNT(*) FROM g6o_artifacts")) == [(2,)]


def test_the_digest_of_an_artifact_moves_with_program_and_prompt_and_not_with_lineage() -> None:
    assert artifact_digest(A) != artifact_digest(B)
    assert artifact_digest(replace(A, rendered="by another dspy")) != artifact_digest(A)
    assert artifact_digest(replace(A, lineage=replace(A.lineage, git_commit="x"))) == artifact_digest(A)


def test_a_text_of_the_most_bytes_fits_and_one_more_does_not(store: Store) -> None:
    promote(store, artifact("A", texts={"t:one": "é" * (MOST_BYTES // 2) + "x"}))

    with pytest.raises(DataError) as caught:
        promote(store, artifact("B", texts={"t:one": "é" * 32_768}))

    assert str(caught.value) == (
        "triage: the text of 't:one' has 65536 bytes, compiled_prompts holds a text of 1 to 65535 that is not blank. "
        "Publish less: fewer demos, or more prompt ids"
    )
    assert len(str(prompts(store)["t:one"])) == 32_768


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_text_is_refused(store: Store, text: str) -> None:
    with pytest.raises(DataError, match="the text of 't:one' has"):
        promote(store, artifact("A", texts={"t:one": text}))


def test_an_artifact_without_texts_is_refused(store: Store) -> None:
    with pytest.raises(DataError) as caught:
        promote(store, artifact("A", texts={}))

    assert str(caught.value) == "triage: the artifact publishes no text"


@pytest.mark.parametrize(
    ("changes", "column", "most"),
    [
        ({"module_name": "m" * 101}, "module_name", 100),
        ({"signature_name": ""}, "signature_name", 100),
        ({"texts": {"p" * 201: "x"}}, "prompt_id", 200),
        ({"lineage": replace(A.lineage, dspy_version="3" * 21)}, "dspy_version", 20),
    ],
)
def test_a_name_that_the_readers_column_cannot_hold_is_refused(
    store: Store, changes: dict[str, Any], column: str, most: int
) -> None:
    with pytest.raises(DataError) as caught:
        promote(store, artifact("A", **changes))

    assert f"triage: {column} '" in str(caught.value)
    assert str(caught.value).endswith(f"characters, compiled_prompts holds 1 to {most}")
    assert history(store, "triage") == ()


def test_an_artifact_that_is_not_there_is_missing(store: Store) -> None:
    with pytest.raises(MissingError) as caught:
        read_artifact(store, "0" * 64)

    assert str(caught.value) == f"the store has no artifact '{'0' * 64}'"


def test_an_artifact_that_was_changed_is_not_believed(store: Store) -> None:
    promote(store, A)
    promote(store, B)
    with store.change("Tamper") as change:
        change.execute("UPDATE g6o_artifacts SET body = REPLACE(body, 'text of A', 'text of X')")

    with pytest.raises(DataError, match=f"artifact {artifact_digest(A)[:12]} was changed in the store"):
        read_artifact(store, artifact_digest(A))
    with pytest.raises(DataError, match="was changed in the store"):
        back(store)
    with pytest.raises(DataError, match="was changed in the store"):
        promote(store, A)

    assert live_digest(store) == artifact_digest(B)


def test_an_artifact_under_another_ones_digest_is_not_believed(store: Store) -> None:
    promote(store, A)
    promote(store, B)
    with store.change("Swap") as change:
        ((body, sha),) = change.read(
            "SELECT body, body_sha256 FROM g6o_artifacts WHERE artifact_digest = ?", (artifact_digest(B),)
        )
        change.execute(
            "UPDATE g6o_artifacts SET body = ?, body_sha256 = ? WHERE artifact_digest = ?",
            (body, sha, artifact_digest(A)),
        )

    with pytest.raises(DataError) as caught:
        read_artifact(store, artifact_digest(A))

    assert str(caught.value) == (
        f"artifact {artifact_digest(A)[:12]} holds another artifact: its digest is {artifact_digest(B)}"
    )


def test_a_store_without_our_tables_has_nothing_live(empty_store: Store) -> None:
    assert live(empty_store, "triage") is None
    assert revoked(empty_store, "triage") == frozenset()
    assert eval_names(empty_store) == ()


class LabellessStore:
    """A store whose labels fail, as those of a server do for a user that may not tag."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.url = store.url

    @contextmanager
    def change(self, message: str) -> Iterator[Change]:
        with self._store.change(message) as change:
            yield change

    def label(self, name: str, commit: str, message: str) -> None:
        raise UnavailableError("no tags today")


def test_a_promotion_stands_without_its_label_and_says_so(store: Store) -> None:
    with pytest.warns(UserWarning, match="promote stands") as caught:
        record_promotion(
            LabellessStore(store), A, Order(by="ci"), run_id="01RUN", expected_live=None  # type: ignore[arg-type]  # only what it asks for
        )  # fmt: skip

    assert str(caught[0].message) == "promote stands, but its label 'prompt/triage@1' could not be put: no tags today"
    assert live_digest(store) == artifact_digest(A)
