from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g6o_eval.errors import DataError, DeclarationError
from g6o_eval.gate import Gate, Verdict, judge, too_few
from g6o_eval.score import Score, Scores, to_score

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "gate_vectors.json").read_text("utf-8"))
BY_NAME = {vector["name"]: vector for vector in VECTORS}
RANK = {"fail": 0, "inconclusive": 1, "pass": 2}
DROP = Gate(max_drop=0.05)


def score_of(value: float | None) -> Score:
    return Score(error="it raised") if value is None else to_score(value)


def scores_of(values: dict[str, list[float | None]], groups: dict[str, str] | None = None) -> Scores:
    return Scores({key: tuple(map(score_of, repeats)) for key, repeats in values.items()}, groups or {})


def plain(values: Sequence[float | None]) -> Scores:
    return scores_of({f"e{index:03}": [value] for index, value in enumerate(values)})


def verdict_of(vector: dict[str, Any], **changes: Any) -> Verdict:
    candidate = scores_of(vector["candidate"], vector["groups"])
    return judge(Gate(**vector["gate"] | changes), candidate, scores_of(vector["baseline"], vector["groups"]))


# ── the vectors ──


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_has_its_outcome_and_its_exact_ends(vector: dict[str, Any]) -> None:
    verdict = verdict_of(vector)

    assert verdict.outcome == vector["outcome"]
    assert verdict.mean_interval == pytest.approx(vector["mean"], abs=1e-9)
    assert verdict.difference_interval == pytest.approx(vector["difference"], abs=1e-9)


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        (
            "1 twelve equal pairs",
            (
                "12 examples leave a drop of 0.221 possible; allowed 0.020. If the two are equal, about 149 would "
                "do; 12 can confirm a limit of 0.221 or more.",
            ),
        ),
        ("2 149 equal pairs, all right", ("a drop of more than 0.020 is ruled out, allowed 0.020",)),
        (
            "4 better: 17 wins 5 losses of 96",
            ("the mean lies in [0.723, 0.867], needed 0.700", "better by at least 0.035"),
        ),
        ("5 worse: 2 wins 14 losses of 60", ("fell by 0.200, for sure by 0.078 or more; allowed 0.020",)),
        (
            "6 surely worse, not surely beyond the limit",
            (
                "worse than the baseline for sure, perhaps within the limit. 100 examples leave a drop of 0.187 "
                "possible; allowed 0.050. If the two are equal, about 479 would do; 100 can confirm a limit of "
                "0.118 or more.",
            ),
        ),
        ("9 two candidate errors, limit 2", ("a drop of more than 0.014 is ruled out, allowed 0.050",)),
    ],
)
def test_the_reasons_are_rounded_outward(name: str, reasons: tuple[str, ...]) -> None:
    assert verdict_of(BY_NAME[name]).reasons == reasons


def test_one_error_more_than_tolerated_fails() -> None:
    verdict = verdict_of(BY_NAME["9 two candidate errors, limit 2"], max_errors=1)

    assert (verdict.outcome, verdict.reasons, verdict.errors) == ("fail", ("2 errors, limit 1",), 2)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_without_a_baseline_a_drop_is_inconclusive(vector: dict[str, Any]) -> None:
    verdict = judge(Gate(**vector["gate"]), scores_of(vector["candidate"], vector["groups"]), None)

    assert verdict.outcome == "inconclusive"
    assert verdict.reasons == ("no baseline: a drop cannot be judged",)
    assert (verdict.baseline_mean, verdict.difference, verdict.difference_interval) == (None, None, None)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_shuffled_keys_give_identical_floats(vector: dict[str, Any]) -> None:
    keys = list(vector["candidate"])
    random.Random(3).shuffle(keys)
    shuffled = vector | {side: {key: vector[side][key] for key in keys} for side in ("candidate", "baseline")}

    assert verdict_of(shuffled) == verdict_of(vector)


# ── one case each ──


def test_thirty_equal_pairs_cannot_confirm_two_points() -> None:
    verdict = judge(Gate(max_drop=0.02), plain([1.0] * 30), plain([1.0] * 30))

    assert verdict.outcome == "inconclusive"
    assert verdict.reasons == (
        "30 examples leave a drop of 0.096 possible; allowed 0.020. If the two are equal, about 149 would do; "
        "30 can confirm a limit of 0.096 or more.",
    )


def test_a_mean_between_its_ends_is_inconclusive() -> None:
    verdict = judge(Gate(min_mean=0.8), plain([1.0] * 24 + [0.0] * 6), None)

    assert (verdict.outcome, verdict.reasons) == ("inconclusive", ("the mean lies in [0.642, 0.910], needed 0.800",))


def test_a_mean_surely_below_its_limit_fails() -> None:
    verdict = judge(Gate(min_mean=0.8), plain([1.0] * 15 + [0.0] * 15), None)

    assert (verdict.outcome, verdict.reasons) == ("fail", ("the mean lies in [0.338, 0.662], needed 0.800",))


def test_a_limit_finer_than_three_digits_is_printed_as_written() -> None:
    verdict = judge(Gate(min_mean=0.8125), plain([1.0] * 30), None)

    assert verdict.reasons == ("the mean lies in [0.904, 1.000], needed 0.8125",)


def test_worse_for_sure_but_within_the_limit_passes_and_says_so() -> None:
    verdict = judge(Gate(max_drop=0.3), plain([0.85] * 200), plain([1.0] * 200))

    assert verdict.outcome == "pass"
    assert verdict.reasons == ("worse by at least 0.132; a drop of more than 0.163 is ruled out, allowed 0.300",)


def test_fewer_units_than_min_examples_are_inconclusive() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([1.0] * 19), None)

    assert (verdict.outcome, verdict.reasons) == ("inconclusive", ("19 independent examples, at least 20 needed",))


def test_exactly_min_examples_are_enough() -> None:
    assert judge(Gate(min_mean=0.5), plain([1.0] * 20), None).outcome == "pass"


def test_the_group_is_the_unit() -> None:
    """Forty examples of two groups are two units: a false pass of up to 48 % otherwise."""
    groups = {f"e{index:03}": f"session {index % 2}" for index in range(40)}
    scores = replace(plain([1.0] * 40), groups=groups)

    verdict = judge(Gate(min_mean=0.5), scores, None)

    assert verdict.n == 2
    assert verdict.reasons == (
        "2 independent examples, at least 20 needed",
        "the mean lies in [0.223, 1.000], needed 0.500",
    )


def test_one_failed_item_fails_a_perfect_mean() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([1.0] * 30), None, failed_items=1)

    assert (verdict.outcome, verdict.reasons) == ("fail", ("1 item failed",))


def test_failed_items_are_counted() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([1.0] * 30), None, failed_items=3)

    assert verdict.reasons == ("3 items failed",)


def test_an_empty_split_is_inconclusive() -> None:
    verdict = judge(Gate(min_mean=0.5, max_drop=0.1), Scores({}), Scores({}))

    assert (verdict.outcome, verdict.reasons) == ("inconclusive", ("no examples",))
    assert (verdict.n, verdict.mean, verdict.mean_interval) == (0, None, (0.0, 1.0))
    assert (verdict.baseline_mean, verdict.difference, verdict.difference_interval) == (None, None, None)


def test_an_empty_split_is_inconclusive_for_the_live_program_too() -> None:
    assert judge(DROP, Scores({}), None, same_program=True).outcome == "inconclusive"


def test_a_metric_that_raises_on_every_example_fails() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([None] * 30), None)

    assert verdict.reasons == ("30 errors, limit 0",)
    assert verdict.mean == 0.0
    assert verdict.mean_interval == (0.0, 1.0)


def test_a_nan_score_is_an_error() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([*[1.0] * 30, math.nan]), None)

    assert (verdict.outcome, verdict.reasons) == ("fail", ("1 error, limit 0",))


def test_errors_of_the_baseline_make_it_inconclusive() -> None:
    verdict = judge(Gate(max_drop=0.3), plain([1.0] * 60), plain([*[0.0] * 58, None, None]))

    assert verdict.outcome == "inconclusive"
    assert verdict.reasons == ("the baseline has 2 errors, limit 0: run it again",)


def test_a_tolerated_error_of_the_baseline_counts_as_its_best() -> None:
    verdict = judge(Gate(max_drop=0.3, max_errors=1), plain([1.0] * 60), plain([*[1.0] * 59, None]))

    assert verdict.baseline_mean == 1.0
    assert verdict.difference == 0.0
    assert verdict.broke == verdict.fixed == ()


def test_a_gate_on_the_mean_alone_does_not_care_about_baseline_errors() -> None:
    verdict = judge(Gate(min_mean=0.5), plain([1.0] * 30), plain([None] * 30))

    assert verdict.outcome == "pass"


def test_a_key_the_candidate_misses_is_its_error() -> None:
    verdict = judge(DROP, plain([1.0] * 99), plain([1.0] * 100))

    assert (verdict.outcome, verdict.reasons, verdict.n) == ("fail", ("1 error, limit 0",), 100)
    assert verdict.broke == ("e099",)


def test_a_key_the_baseline_misses_is_an_error_of_the_baseline() -> None:
    verdict = judge(DROP, plain([1.0] * 100), plain([1.0] * 99))

    assert (verdict.outcome, verdict.errors) == ("inconclusive", 0)
    assert verdict.reasons == ("the baseline has 1 error, limit 0: run it again",)


def test_sides_that_disagree_about_a_group_are_refused() -> None:
    one, other = (replace(plain([1.0]), groups={"e000": group}) for group in ("a", "b"))

    with pytest.raises(DataError) as refused:
        judge(DROP, one, other)

    assert str(refused.value) == (
        "example 'e000' is in group 'a' in the candidate's scores and in 'b' in the baseline's: "
        "both must be scored on one read of the dataset"
    )


def test_fixed_and_broken_keys_are_named_in_order() -> None:
    candidate = scores_of({"c": [1.0], "a": [1.0], "b": [0.0], "d": [0.5], "e": [None]})
    baseline = scores_of({"a": [0.0], "b": [1.0], "c": [0.5], "d": [0.5], "e": [0.5]})

    verdict = judge(DROP, candidate, baseline)

    assert (verdict.fixed, verdict.broke) == (("a", "c"), ("b", "e"))


def test_the_live_program_loses_nothing_by_identity() -> None:
    verdict = judge(DROP, plain([1.0, 0.0] * 15), None, same_program=True)

    assert (verdict.outcome, verdict.reasons) == ("pass", ("unchanged: the candidate is the baseline",))
    assert (verdict.mean, verdict.baseline_mean, verdict.difference) == (0.5, 0.5, 0.0)
    assert verdict.difference_interval == (0.0, 0.0)


def test_the_live_program_must_still_reach_the_mean() -> None:
    gate = Gate(min_mean=0.9, max_drop=0.05)

    verdict = judge(gate, plain([1.0, 0.0] * 15), None, same_program=True)

    assert (verdict.outcome, verdict.reasons) == ("fail", ("the mean lies in [0.338, 0.662], needed 0.900",))


def test_the_live_program_must_still_have_no_error_and_enough_examples() -> None:
    verdict = judge(DROP, plain([1.0, None]), None, same_program=True)

    assert (verdict.outcome, verdict.reasons) == ("fail", ("1 error, limit 0",))
    assert judge(DROP, plain([1.0]), None, same_program=True).outcome == "inconclusive"


# ── properties ──

VALUES = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0, 1))
GATES = st.builds(
    Gate,
    min_mean=st.sampled_from([None, 0.2, 0.5, 0.9]),
    max_drop=st.sampled_from([0.05, 0.2, 0.4]),
    min_examples=st.sampled_from([1, 5]),
    max_errors=st.sampled_from([0, 1, 3]),
)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=25)
BAD = st.sampled_from([None, math.nan, math.inf, -0.1, 1.1])


def sides(pairs: list[tuple[float, float]]) -> tuple[Scores, Scores]:
    return plain([c for c, _ in pairs]), plain([b for _, b in pairs])


@settings(deadline=None, max_examples=60)
@given(GATES, PAIRS, st.data())
def test_no_bad_score_ever_turns_a_verdict_into_pass(
    gate: Gate, pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    candidate, baseline = sides(pairs)
    before = judge(gate, candidate, baseline).outcome
    spoil_candidate = data.draw(st.booleans())
    spoiled = dict((candidate if spoil_candidate else baseline).by_key)
    for key in data.draw(st.lists(st.sampled_from(sorted(spoiled)), min_size=1, unique=True)):
        if data.draw(st.booleans()):
            del spoiled[key]
        else:
            spoiled[key] = (score_of(data.draw(BAD)),)

    after = judge(gate, Scores(spoiled), baseline) if spoil_candidate else judge(gate, candidate, Scores(spoiled))

    assert not (after.outcome == "pass" and before != "pass")


@settings(deadline=None, max_examples=60)
@given(GATES, PAIRS, st.data())
def test_a_raised_score_never_worsens_the_outcome(
    gate: Gate, pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    candidate, baseline = sides(pairs)
    key = data.draw(st.sampled_from(sorted(candidate.by_key)))
    old = candidate.by_key[key][0].value
    assert old is not None
    raised = Scores(dict(candidate.by_key) | {key: (Score(data.draw(st.floats(old, 1))),)})

    assert RANK[judge(gate, raised, baseline).outcome] >= RANK[judge(gate, candidate, baseline).outcome]


@settings(deadline=None, max_examples=50)
@given(GATES, PAIRS)
def test_the_verdict_agrees_with_the_intervals_it_prints(gate: Gate, pairs: list[tuple[float, float]]) -> None:
    verdict = judge(gate, *sides(pairs))

    assert verdict.difference_interval is not None
    assert gate.max_drop is not None
    lows = [verdict.difference_interval[0] + gate.max_drop, verdict.mean_interval[0] - (gate.min_mean or 0.0)]
    assert (verdict.outcome == "pass") == (min(lows) >= 0 and verdict.n >= gate.min_examples)
    assert verdict.reasons


# ── collection ──


def cannot(n: int, limit: str, needed: str) -> str:
    why = "for an equal prompt" if limit.startswith("max_drop") else "with every score at 1"
    return f"{n} examples cannot confirm {limit} {why} ({needed} at the very least)"


@pytest.mark.parametrize(
    ("gate", "n", "sentence"),
    [
        (Gate(max_drop=0.02, min_examples=1), 12, cannot(12, "max_drop 0.02", "149")),
        (Gate(max_drop=0.02), 149, None),
        (Gate(max_drop=0.05), 59, None),
        (Gate(max_drop=0.10), 28, cannot(28, "max_drop 0.1", "29")),
        (Gate(max_drop=0.001), 100, cannot(100, "max_drop 0.001", "2,995")),
        (Gate(min_mean=0.95), 58, cannot(58, "min_mean 0.95", "59")),
        (Gate(min_mean=0.95), 59, None),
        (Gate(min_mean=1), 5000, "no number of examples can confirm min_mean 1"),
        (Gate(min_mean=0.5), 19, "19 examples are fewer than min_examples 20"),
    ],
)
def test_collection_says_which_gate_cannot_be_reached(gate: Gate, n: int, sentence: str | None) -> None:
    assert too_few(gate, n) == sentence


def test_collection_says_all_that_cannot_be_reached() -> None:
    assert too_few(Gate(min_mean=0.9, max_drop=0.1), 12) == (
        "12 examples are fewer than min_examples 20; "
        "12 examples cannot confirm max_drop 0.1 for an equal prompt (29 at the very least); "
        "12 examples cannot confirm min_mean 0.9 with every score at 1 (29 at the very least)"
    )


@pytest.mark.parametrize("gate", [Gate(max_drop=0.1), Gate(min_mean=0.9), Gate(min_mean=0.83, max_drop=0.07)])
def test_what_collection_lets_through_can_pass(gate: Gate) -> None:
    n = next(n for n in range(1, 500) if too_few(gate, n) is None)

    assert judge(gate, plain([1.0] * n), plain([1.0] * n)).outcome == "pass"
    assert judge(gate, plain([1.0] * (n - 1)), plain([1.0] * (n - 1))).outcome == "inconclusive"


# ── declarations ──


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a Gate needs min_mean or max_drop, or every candidate would pass"),
        ({"min_mean": 0.0}, "Gate: min_mean must lie in (0, 1], got 0.0"),
        ({"min_mean": math.nan}, "Gate: min_mean must lie in (0, 1], got nan"),
        ({"max_drop": 1.0}, "Gate: max_drop must lie in (0, 1), got 1.0"),
        ({"max_drop": 0.1, "alpha": 0.6}, "Gate: alpha must lie in (0, 0.5], got 0.6"),
        (
            {"max_drop": 0.1, "min_examples": 0},
            "Gate: min_examples must be at least 1 and max_errors at least 0, got 0 and 0",
        ),
        (
            {"max_drop": 0.1, "max_errors": -1},
            "Gate: min_examples must be at least 1 and max_errors at least 0, got 20 and -1",
        ),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Gate(**fields)

    assert str(refused.value) == message


@pytest.mark.parametrize("gate", [Gate(min_mean=0.5), Gate(max_drop=0.02, alpha=0.01, min_examples=1, max_errors=2)])
def test_a_gate_survives_json(gate: Gate) -> None:
    assert Gate.from_json(json.loads(json.dumps(gate.to_json()))) == gate


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_verdict_survives_json(vector: dict[str, Any]) -> None:
    verdict = verdict_of(vector)

    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_a_verdict_without_a_baseline_survives_json() -> None:
    verdict = judge(DROP, plain([1.0] * 30), None)

    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
