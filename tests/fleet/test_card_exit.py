"""The card-exit program: what a report must name, and what the published texts hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from g6o_eval.errors import DataError, DeclarationError
from g6o_eval.fleet.cards import CARDS, Card, Pattern
from g6o_eval.fleet.exits import make_exit_cases, passable
from g6o_eval.fleet.programs.card_exit import CARD_EXIT, CONSTRAINTS, ExitMetric, exit_text, publish
from g6o_eval.prompt.constrain import constrained, reworded
from g6o_eval.prompt.publish import publish as checked_texts

BY_NAME = {constraint.name: constraint for constraint in CONSTRAINTS}
CASE: dict[str, Any] = {
    "required": ["gate_pass:mypy", "step_complete:task_exit"],
    "forbidden": ["child_spawn:%"],
    "deeds": ["gate_pass:mypy, once", "child_spawn:code, once"],
    "done": ["gate_pass:mypy"],
    "missing": ["step_complete:task_exit"],
    "broken": ["child_spawn:%"],
}


def report(**changed: list[str]) -> Any:
    return SimpleNamespace(**({name: CASE[name] for name in ("done", "missing", "broken")} | changed))


def score(**changed: list[str]) -> float:
    value = ExitMetric()(SimpleNamespace(**CASE), report(**changed)).value
    assert value is not None
    return value


@pytest.mark.parametrize("name", BY_NAME)
def test_an_honest_report_breaks_no_rule(name: str) -> None:
    assert BY_NAME[name].check.problem(report(), CASE) is None


@pytest.mark.parametrize(
    ("name", "changed", "problem"),
    [
        ("every-required-rule", {"missing": []}, "step_complete:task_exit is named 0 times"),
        ("every-required-rule", {"missing": ["gate_pass:mypy"]}, "gate_pass:mypy is named 2 times"),
        (
            "forbidden-is-not-required",
            {"done": ["gate_pass:mypy", "child_spawn:%"]},
            "child_spawn:% is forbidden, not required",
        ),
        (
            "forbidden-is-not-required",
            {"missing": ["step_complete:task_exit", "child_spawn:%"]},
            "child_spawn:% is forbidden, not required",
        ),
        ("nothing-else", {"done": ["gate_pass:mypy", "gate_pass:ruff"]}, "'gate_pass:ruff' is not asked"),
        ("nothing-else", {"broken": ["gate_pass:mypy"]}, "'gate_pass:mypy' is not asked"),
    ],
)
def test_a_report_that_breaks_a_rule_is_told_which(name: str, changed: dict[str, list[str]], problem: str) -> None:
    assert BY_NAME[name].check.problem(report(**changed), CASE) == problem


def test_the_metric_counts_every_rule_of_the_card() -> None:
    assert score() == 1
    assert score(broken=[]) == pytest.approx(2 / 3)
    assert score(done=["gate_pass:mypy", "step_complete:task_exit"], missing=[]) == pytest.approx(2 / 3)
    assert score(done=[], missing=[], broken=[]) == 0


def test_the_metric_and_the_dataset_agree_on_what_is_asked_and_what_is_the_truth() -> None:
    assert CARD_EXIT.dataset.inputs == ("required", "forbidden", "deeds")
    assert ExitMetric().labels == ("done", "missing", "broken")


def test_the_truth_beats_saying_that_all_is_done_and_that_all_is_missing() -> None:
    metric, cases = ExitMetric(), list(make_exit_cases(60, seed=4))

    def mean(answer: Any) -> float:
        values = [metric(SimpleNamespace(**case), SimpleNamespace(**answer(case))).value for case in cases]
        return sum(value or 0.0 for value in values) / len(values)

    all_done = mean(lambda case: {"done": case["required"], "missing": [], "broken": []})
    all_missing = mean(lambda case: {"done": [], "missing": case["required"], "broken": case["forbidden"]})

    assert mean(lambda case: case) == 1
    assert max(all_done, all_missing) < 0.75


def texts() -> dict[str, str]:
    return publish(constrained(CARD_EXIT.program(), CONSTRAINTS))


def test_every_text_names_its_cards_rules_as_what_they_are_and_no_others() -> None:
    for card_id, card in passable().items():
        text = texts()[f"card-exit:{card_id}"]
        _, _, rules = text.partition("`required` by this card:")
        required, _, forbidden = rules.partition("`forbidden` by this card:")
        written = {str(rule) for each in CARDS.values() for rule in each.patterns}

        for rule in written:
            assert (f"- {rule} (" in required) == (rule in map(str, card.required)), (card_id, rule)
            assert (f"- {rule} (" in forbidden) == (rule in map(str, card.forbidden)), (card_id, rule)


def test_the_sessions_placeholder_survives_and_the_cards_is_filled() -> None:
    for text in texts().values():
        assert "{{SESSION_ID}}" in text
        assert "{{CARD}}" not in text


def test_texts_pass_the_checks_of_every_published_text() -> None:
    assert checked_texts(CARD_EXIT, constrained(CARD_EXIT.program(), CONSTRAINTS)).keys() == texts().keys()


def test_a_text_for_a_depth_says_more_than_the_cards() -> None:
    found = texts()

    for card_id in ("execute-subtask", "plant-orchestrate"):
        for depth in (1, 2):
            assert found[f"card-exit:{card_id}:depth-{depth}"].startswith(found[f"card-exit:{card_id}"])
    assert found["card-exit:execute-subtask:depth-1"] != found["card-exit:execute-subtask:depth-2"]


def test_a_card_that_asks_for_what_it_forbids_gets_no_text() -> None:
    both = tuple(Pattern(punch_type="child_spawn", like="%", forbidden=forbidden) for forbidden in (True, False))

    with pytest.raises(DataError) as refused:
        exit_text("Exit.", Card(card_id="mixed", workflow="w", patterns=both))

    assert str(refused.value) == "card 'mixed' asks for and forbids child_spawn:%: drop one of the two rules"


def test_a_card_without_rules_gets_no_text() -> None:
    with pytest.raises(DataError, match="card 'empty' has no rules"):
        exit_text("Exit.", Card(card_id="empty", workflow="w", patterns=()))


def worded(text: str) -> Any:
    program = CARD_EXIT.program()
    program.signature = reworded(program.signature, text)
    return program


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (
            "End {{SESSION_ID}}.",
            "the text for 'acknowledge-pr-ledger' lost {{CARD}}: write it where 'acknowledge-pr-ledger' has to stand",
        ),
        (
            "Obey {{CARD}}.",
            "the text of card-exit:acknowledge-pr-ledger lost {{SESSION_ID}}: its agent would not know its session",
        ),
        (
            "End {{SESSION_ID}} by {{CARD}} and {{MODE}}.",
            "the text of card-exit:acknowledge-pr-ledger holds '{{MODE}}', which nobody fills",
        ),
        (
            "End {{SESSION_ID}} by {{CARD}}, as ses_91f0aa12 did.",
            "the text of card-exit:acknowledge-pr-ledger names "
            "the session 'ses_91f0aa12'; write {{SESSION_ID}} instead",
        ),
        (
            "End {{SESSION_ID}} by {{CARD}}; gate_pass:mypy is asked.",
            "the text of card-exit:acknowledge-pr-ledger names the rule 'gate_pass:mypy', which its card does not have",
        ),
    ],
)
def test_instructions_that_would_mislead_an_agent_are_not_published(instructions: str, message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        publish(worded(instructions))

    assert str(refused.value) == message


def test_demos_are_refused_because_no_text_shows_them() -> None:
    program = constrained(CARD_EXIT.program(), CONSTRAINTS)
    program.demos = [CASE]

    with pytest.raises(DeclarationError, match="its publish leaves out demo 1 of predictor 'self'"):
        checked_texts(CARD_EXIT, program)


def test_a_formula_gets_texts_of_its_own_at_every_depth_of_its_cards() -> None:
    program = constrained(CARD_EXIT.program(), CONSTRAINTS)

    found = publish(program, formulas={"release": {"execute-subtask": "Say which version.", "fix-ci": "Name the job."}})

    plain, more = texts(), {prompt_id for prompt_id in found if ":formula-release" in prompt_id}
    assert found.keys() - more == plain.keys()
    assert more == {
        "card-exit:execute-subtask:formula-release",
        "card-exit:execute-subtask:formula-release:depth-1",
        "card-exit:execute-subtask:formula-release:depth-2",
        "card-exit:fix-ci:formula-release",
    }
    assert found["card-exit:fix-ci:formula-release"] == plain["card-exit:fix-ci"] + "\n\nName the job."
    deepest = found["card-exit:execute-subtask:formula-release:depth-2"]
    by_depth = plain["card-exit:execute-subtask:depth-2"].removeprefix(plain["card-exit:execute-subtask"])
    assert deepest == plain["card-exit:execute-subtask"] + "\n\nSay which version." + by_depth


def test_what_a_formula_says_is_checked_as_the_rest() -> None:
    program = constrained(CARD_EXIT.program(), CONSTRAINTS)

    with pytest.raises(DeclarationError, match=r"card-exit:fix-ci:formula-release holds '\{\{JOB\}\}'"):
        publish(program, formulas={"release": {"fix-ci": "Name {{JOB}}."}})
