from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g6o_eval.artifact import Artifact, Lineage, canonical_json, digest, digest_text

LINEAGE = Lineage(
    data_commit="3fa9c1", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0", models={"task": "offline"}
)
ARTIFACT = Artifact(
    eval_name="triage",
    program='{"format":1}',
    texts={"triage:classifier": "Answer."},
    rendered="system: Answer.",
    module_name="Predict",
    signature_name="Triage",
    lineage=LINEAGE,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_json_has_one_form() -> None:
    assert canonical_json({"b": [1, None], "a": "ä\n"}) == '{"a":"ä\\n","b":[1,null]}'


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_canonical_json_has_no_nan(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        canonical_json([value])


def test_canonical_json_refuses_what_json_has_no_form_for() -> None:
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        canonical_json({1, 2})


@given(VALUES)
def test_canonical_json_is_read_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), max_size=5))
def test_the_digest_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


def test_digests_are_sha256_of_the_bytes_that_are_stored() -> None:
    """These constants in another language's reader prove the same artifact."""
    assert digest_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest({}) == digest_text("{}")
    assert len(digest_text("\ud800")) == 64


def test_lineage_is_no_part_of_a_digest() -> None:
    other = replace(ARTIFACT, lineage=replace(LINEAGE, data_commit="ffffff", git_commit="abc", dspy_version="9"))

    assert (other.program_digest, other.prompt_digest) == (ARTIFACT.program_digest, ARTIFACT.prompt_digest)


def test_the_program_digest_moves_with_the_program_alone() -> None:
    other = replace(ARTIFACT, program='{"format":2}')

    assert other.program_digest != ARTIFACT.program_digest
    assert other.prompt_digest == ARTIFACT.prompt_digest


@pytest.mark.parametrize("changed", [{"texts": {"triage:classifier": "Answer!"}}, {"rendered": "user: x"}])
def test_the_prompt_digest_moves_with_what_consumers_read(changed: dict[str, Any]) -> None:
    other = replace(ARTIFACT, **changed)

    assert other.prompt_digest != ARTIFACT.prompt_digest
    assert other.program_digest == ARTIFACT.program_digest


def test_an_artifact_survives_json() -> None:
    assert Artifact.from_json(json.loads(json.dumps(ARTIFACT.to_json()))) == ARTIFACT


def test_a_lineage_survives_json() -> None:
    assert Lineage.from_json(json.loads(json.dumps(LINEAGE.to_json()))) == LINEAGE
