from __future__ import annotations

import math
from typing import Any

import pytest

from g6o_eval import Assert, Bootstrap, Budget, Dataset, Eval, Gate, exact, one_of
from g6o_eval.constraint import check
from g6o_eval.errors import DeclarationError

RULE = Assert("one-label", "One of {labels}.", one_of("label", labels=("a", "b")))
GOOD: dict[str, Any] = {
    "name": "triage",
    "program": lambda: None,
    "dataset": Dataset("SELECT id, text, label FROM tickets", key="id", inputs=("text",)),
    "metric": exact("label"),
    "gate": Gate(max_drop=0.1),
    "prompt_id": "triage:classifier",
}


def test_an_eval_of_ten_lines_stands() -> None:
    spec = Eval(
        **GOOD,
        constraints=(RULE,),
        optimizer=Bootstrap(candidates=2),
        budget=Budget(calls=40),
    )

    assert (spec.name, spec.adapter, spec.timeout_seconds) == ("triage", "chat", 60.0)


def test_publish_stands_in_for_a_prompt_id() -> None:
    def publish(program: object) -> dict[str, str]:
        return {"triage:classifier": str(program)}

    spec = Eval(**GOOD | {"prompt_id": None, "publish": publish})

    assert spec.publish is publish


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Triage"}, "Eval name 'Triage' must match [a-z][a-z0-9_-]{0,63}"),
        ({"name": "../x"}, "Eval name '../x' must match [a-z][a-z0-9_-]{0,63}"),
        ({"program": None}, "eval 'triage': program must be callable, got None"),
        ({"metric": "exact"}, "eval 'triage': metric must be callable, got 'exact'"),
        (
            {"prompt_id": None, "publish": "x"},
            "eval 'triage': publish must be callable, got 'x'",
        ),
        (
            {"prompt_id": None},
            "eval 'triage': give either prompt_id or publish, so that consumers can read the prompt",
        ),
        (
            {"publish": lambda program: {}},
            "eval 'triage': give either prompt_id or publish, so that consumers can read the prompt",
        ),
        (
            {"prompt_id": "a b"},
            "eval 'triage': prompt id 'a b' must match [A-Za-z0-9][A-Za-z0-9_.:-]{0,199}",
        ),
        ({"constraints": (RULE, RULE)}, "eval 'triage': constraint names stand twice: one-label"),
        (
            {"constraints": (Assert("by-label", "Say it.", check(lambda said, *, label: None, inputs=("label",))),)},
            "eval 'triage': constraint 'by-label' looks at label, which the program is not given; its inputs are text",
        ),
        (
            {"optimizer": Bootstrap()},
            "eval 'triage': an optimizer needs a budget, for example Budget(calls=400)",
        ),
        ({"timeout_seconds": 0.0}, "eval 'triage': timeout_seconds must be above 0, got 0.0"),
        ({"timeout_seconds": math.nan}, "eval 'triage': timeout_seconds must be above 0, got nan"),
    ],
)
def test_a_wrong_declaration_names_the_field_and_the_remedy(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Eval(**GOOD | changed)

    assert str(refused.value) == message
