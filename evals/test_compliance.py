"""What orchestrating agents report, judged by whether every claim keeps its chain of custody."""

import pytest

from g6o_eval.fleet.programs.compliance import COMPLIANCE

pytestmark = pytest.mark.eval(COMPLIANCE)


def test_compliance(example, prediction):
    assert {claim.source_session_id for claim in prediction.claims} <= {one["session"] for one in example.reports}


def test_prompt(prompt, snapshot):
    assert prompt == snapshot
