"""What issue 6 says must be rejected, in one table: the bad thing, what rejects it, and what that must say.

Two more stand where a user meets them, in tests/plugin/test_must_be_rejected.py: an LM that always says
the same word, and a program that knows the answers and asks no LM.
"""

from __future__ import annotations

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import dspy
import pytest

from g6o_eval.constraint import Assert, between, check
from g6o_eval.dataset import group_of, key_of
from g6o_eval.errors import G6oError
from g6o_eval.eval import Eval
from g6o_eval.fleet.cards import Card, Pattern, check_card
from g6o_eval.fleet.programs.card_exit import CARD_EXIT
from g6o_eval.fleet.programs.diagnosis import DIAGNOSIS
from g6o_eval.fleet.programs.recovery import RECOVERIES, Recovery, publish
from g6o_eval.fleet.programs.recovery_metric import RecoveryMetric
from g6o_eval.gate import Gate, judge
from g6o_eval.lm.meter import Meter
from g6o_eval.lm.roles import build_lm
from g6o_eval.optimize.search import Means, compile_program
from g6o_eval.optimizer import Guidance
from g6o_eval.predict import Predicted, predict_all, score_of
from g6o_eval.prompt.check import check_program
from g6o_eval.prompt.constrain import constrained, reworded
from g6o_eval.prompt.publish import publish as publish_texts
from g6o_eval.prompt.state import dump_program, load_program
from g6o_eval.score import Scores
from g6o_eval.store.examples import Splits, read_examples
from g6o_eval.store.port import Store
from g6o_eval.testing import (
    Answer,
    ScriptedEngine,
    gold_beats_constants,
    metric_moves,
    metrics_differ,
    scripted_lm,
    shouted,
)

RETRY = RECOVERIES["infinite_retry"]
BANANA = {"first_steps": ["banana"] * 3, "will_not_repeat": ["banana"], "within_limits": [], "stops_when": "banana"}
WELL_WRITTEN = {
    "first_steps": [
        "Begin by seeking the root cause of the matter with fresh eyes.",
        "Apply a different fix, thoughtfully and with great care.",
        "Verify the outcome thoroughly and commit it.",
    ],
    "will_not_repeat": ["We shall never repeat the mistakes of the past."],
    "within_limits": ["We keep well within all limits."],
    "stops_when": "The work is verified and committed.",
}
CLASSIFIED = {"category": "scope_creep", "confidence": 0.8, "evidence": "it did far too much"}
SKELETON = "Exit Condition:\n\n\nSelf-Check:\n"


@dataclass(frozen=True)
class Bench:
    """What a check works on: the sample."""

    store: Store

    def splits(self, spec: Eval) -> Splits:
        return read_examples(self.store, spec.dataset, at=self.store.head(), eval_name=spec.name)

    def judged(self, spec: Eval, program: Any, lm: Any, *, examples: Any = None) -> str:
        """Run a program over the test split, and return what its gate says, which must not be a pass."""
        examples = self.splits(spec).test if examples is None else examples
        results = predict_all(spec, program, examples, lm=lm, concurrency=2)
        verdict = judge(Gate(min_mean=spec.gate.min_mean), _scores(examples, results), None)
        assert verdict.outcome == "fail"
        return "; ".join(verdict.reasons)


def _scores(examples: Any, results: list[Predicted]) -> Scores:
    return Scores(
        {result.key: (result.score,) for result in results},
        {key_of(example): group_of(example) for example in examples},
    )


def always(answer: Answer) -> Any:
    """Return an LM that answers the same whatever it is asked."""
    return scripted_lm(ScriptedEngine(lambda messages: answer))


def offline() -> Any:
    return build_lm("offline", role="task", meter=Meter())


def hand_written(spec: Eval) -> Any:
    return constrained(spec.program(), spec.constraints)


def worded(text: str) -> Any:
    """Return the recovery program whose agents get this text."""
    program = Recovery("infinite_retry")
    program.plan.signature = reworded(program.plan.signature, text)
    return program


def refusal(call: Callable[[], object]) -> str:
    """Return why a call was refused."""
    with pytest.raises((G6oError, AssertionError)) as refused:
        call()
    return str(refused.value)


class Lookup(dspy.Module):
    """Knows the right answer to every task it has seen, by heart."""

    def __init__(self, examples: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # dspy is untyped
        self.plan = dspy.Predict("summary -> first_steps")
        self.known = {example.task: RecoveryMetric("infinite_retry").answer(example) for example in examples}

    def forward(self, **facts: Any) -> Any:
        return dspy.Prediction(**self.known.get(facts["task"], BANANA))  # type: ignore[no-untyped-call]  # likewise


def by_heart(bench: Bench) -> str:
    """Perturb the examples that a program knows by heart: right on them, it is lost on the same said otherwise."""
    examples: Any = bench.splits(RETRY).test
    program = Lookup(examples)
    known = _scores(examples, predict_all(RETRY, program, examples, lm=always("?"), concurrency=1))
    assert (known.mean or 0) > 0.9
    otherwise = [each.copy(task=shouted(each.task)) for each in examples]
    return bench.judged(RETRY, program, always("?"), examples=otherwise)


def other_numbers(bench: Bench) -> str:
    """Load a program that was compiled when the rule had other numbers."""
    other = Assert("few-steps", "Plan between {low} and {high} first steps.", check(lambda p, **_: None, low=3, high=7))
    stale = replace(RETRY, constraints=(other, *RETRY.constraints[1:]))
    text = dump_program(stale, hand_written(stale))
    return refusal(lambda: load_program(RETRY, text, source="program.json"))


def train_is_test(bench: Bench) -> str:
    found = bench.splits(RETRY)
    return refusal(lambda: Splits(found.test, found.dev, found.test))


def blank_evidence(bench: Bench) -> str:
    example = bench.splits(DIAGNOSIS).test[0]
    answer = {"category": example.category, "confidence": 0.9, "evidence": " "}
    score = score_of(DIAGNOSIS, example, dspy.Prediction(**answer))  # type: ignore[no-untyped-call]  # dspy is untyped
    assert (score.value, score.broken) == (0.0, ("short-evidence",))
    return score.feedback


def no_op(bench: Bench) -> str:
    """Compile with lines that do nothing for an agent."""
    spec = replace(RETRY, optimizer=Guidance(lines=("Ask for approval before each step.",)))
    said: list[str] = []
    means = Means(lm=offline(), meter=Meter(), concurrency=2, progress=said.append)
    made = compile_program(spec, hand_written(spec), bench.splits(spec), means=means)
    assert not made.changed
    return said[-1]


def constant(example: Any, prediction: Any) -> float:
    return 0.8


def source(example: Any, prediction: Any) -> float:
    return 1.0 if example.retry_count else 0.0


def judged_nan(bench: Bench) -> str:
    """Score with a metric that is no number: an error of each item, never a 0 that could be averaged."""
    spec = replace(RETRY, metric=lambda example, prediction: float("nan"))
    results = predict_all(spec, hand_written(spec), retries(bench), lm=offline(), concurrency=2)
    assert judge(Gate(min_mean=0.1), _scores(retries(bench), results), None).outcome == "fail"
    return str(results[0].score.error)


def one_rule_broken(bench: Bench) -> str:
    """Score 0.8 and break one rule of several: the rule decides, the mean cannot hide it."""
    spec = replace(RETRY, metric=constant)
    answer = gold(retries(bench)[0]) | {"stops_when": "When ses_91f0aa12 does."}
    score = score_of(spec, retries(bench)[0], dspy.Prediction(**answer))  # type: ignore[no-untyped-call]  # dspy
    assert (score.value, score.broken) == (0.0, ("no-leftovers",))
    return score.feedback


def other_format(bench: Bench) -> str:
    """Load a program whose file has the format of another version."""
    text = dump_program(RETRY, hand_written(RETRY)).replace('"format":1', '"format":2')
    return refusal(lambda: load_program(RETRY, text, source="program.json"))


def other_demos(bench: Bench) -> str:
    """Load a program whose demos another version wrote in a form of its own."""
    state = json.loads(dump_program(DIAGNOSIS, hand_written(DIAGNOSIS)))
    state["predictors"]["self"]["demos"] = [{"inputs": {"kill_reason": "x"}, "outputs": CLASSIFIED}]
    return refusal(lambda: load_program(DIAGNOSIS, json.dumps(state), source="program.json"))


def hidden_demos(bench: Bench) -> str:
    """Publish instructions of a program that was judged with demos."""
    program = hand_written(CARD_EXIT)
    program.demos = [{"required": ["x"], "forbidden": [], "deeds": [], "done": [], "missing": ["x"], "broken": []}]
    return refusal(lambda: publish_texts(CARD_EXIT, program))


def exits(text: str) -> str:
    """Publish exit texts with these instructions."""
    program = CARD_EXIT.program()
    program.signature = reworded(program.signature, text)
    return refusal(lambda: publish_texts(CARD_EXIT, program))


def retries(bench: Bench) -> Any:
    return bench.splits(RETRY).test[:8]


def gold(example: Any) -> Any:
    return RecoveryMetric("infinite_retry").answer(example)


def torn_card(bench: Bench) -> str:
    asks = Pattern(punch_type="gate_pass", like="pytest")
    return refusal(
        lambda: check_card(Card(card_id="torn", workflow="w", patterns=(asks, replace(asks, forbidden=True))))
    )


def with_inputs(*inputs: str) -> Eval:
    return replace(DIAGNOSIS, dataset=replace(DIAGNOSIS.dataset, inputs=inputs))


KNOWN_BAD: dict[str, tuple[Callable[[Bench], str], str]] = {
    "an LM that says banana, whatever it is told": (
        lambda bench: bench.judged(RETRY, hand_written(RETRY), always(BANANA)),
        "the mean lies in [0.000, ",
    ),
    "the text banana in an agent's hands": (
        lambda bench: bench.judged(RETRY, worded("banana"), offline()),
        "needed 0.600",
    ),
    "an empty skeleton in an agent's hands": (
        lambda bench: bench.judged(RETRY, worded(SKELETON), offline()),
        "needed 0.600",
    ),
    "an empty text": (
        lambda bench: refusal(lambda: publish_texts(replace(RETRY, publish=lambda program: {"x": " \n"}), None)),
        "eval 'recovery-infinite-retry': the text of prompt 'x' is empty; a consumer would have nothing to send",
    ),
    "garbage that is well written": (
        lambda bench: bench.judged(RETRY, hand_written(RETRY), always(WELL_WRITTEN)),
        "needed 0.600",
    ),
    "one category for every session": (
        lambda bench: bench.judged(DIAGNOSIS, hand_written(DIAGNOSIS), always(CLASSIFIED)),
        "needed 0.500",
    ),
    "a word that is no category": (
        lambda bench: bench.judged(DIAGNOSIS, hand_written(DIAGNOSIS), always({**CLASSIFIED, "category": "banana"})),
        " errors, limit 0",
    ),
    "a dead model": (
        lambda bench: bench.judged(RETRY, hand_written(RETRY), always(ConnectionError("gone"))),
        " errors, limit 0",
    ),
    "a model that nobody serves": (
        lambda bench: refusal(lambda: build_lm("nobody/nothing-1", role="task", meter=Meter())),
        "role 'task': the model 'nobody/nothing-1' cannot be called: ",
    ),
    "required and forbidden at once": (
        torn_card,
        "card 'torn' asks for and forbids gate_pass:pytest: drop one of the two rules",
    ),
    "a sentence with a number that its check does not have": (
        lambda bench: refusal(lambda: Assert("cheap", "At most ${limit}.", between("usd", low=0, high=2))),
        "constraint 'cheap': the sentence asks for 'limit', but its check has only ['field', 'high', 'low']",
    ),
    "a compiled text whose numbers are not those of its check": (other_numbers, "Recompile: pytest evals/ --compile"),
    "required what a wider rule forbids": (
        lambda bench: refusal(
            lambda: check_card(
                Card(
                    card_id="torn",
                    workflow="w",
                    patterns=(
                        Pattern(punch_type="child_spawn", like="code"),
                        Pattern(punch_type="child_spawn", like="%", forbidden=True),
                    ),
                )
            )
        ),
        "card 'torn' asks for and forbids child_spawn:code",
    ),
    "a rule in an exit text that the card does not have": (
        lambda bench: exits("End {{SESSION_ID}} by {{CARD}}, and gate_pass:mypy."),
        "names the rule 'gate_pass:mypy', which its card does not have",
    ),
    "an exit text that does not say which card": (
        lambda bench: exits("End {{SESSION_ID}}."),
        "the text for 'acknowledge-pr-ledger' lost {{CARD}}",
    ),
    "a text without the demos that the program was judged with": (
        hidden_demos,
        "its publish leaves out demo 1 of predictor 'self'",
    ),
    "a file of another version": (other_format, "program.json: format is 2, this version reads 1. "),
    "demos in the form of another version": (
        other_demos,
        "program.json: predictor 'self': demo 1 holds ['inputs', 'outputs'], no fields of its signature",
    ),
    "a metric that is no number": (judged_nan, "the metric returned nan"),
    "one rule of several broken at a score of 0.8": (one_rule_broken, "the plan holds 'ses_91f0aa12'"),
    "a past session's id in a text": (
        lambda bench: refusal(lambda: publish("infinite_retry", worded("Go on like ses_91f0aa12."))),
        "the text of fitter-dispatch:infinite_retry names the session 'ses_91f0aa12'; write {{SESSION_ID}} instead",
    ),
    "a placeholder that nobody fills": (
        lambda bench: refusal(lambda: publish("infinite_retry", worded("Read {{MEMORY}}."))),
        "a recovery text asks for ['MEMORY'], which nobody fills",
    ),
    "train is test": (train_is_test, "train and test share the key of "),
    "answers known by heart, on examples said otherwise": (by_heart, "needed 0.600"),
    "a metric that is constant": (
        lambda bench: refusal(lambda: metric_moves(constant, retries(bench), gold=gold)),
        "the metric does not move when predictions are swapped",
    ),
    "a metric that reads the source and not the prediction": (
        lambda bench: refusal(lambda: metric_moves(source, retries(bench), gold=gold)),
        "It judges the example, not the prediction",
    ),
    "a metric that any answer satisfies": (
        lambda bench: refusal(lambda: gold_beats_constants(constant, retries(bench), gold=gold)),
        "an answer that is always the same does as well as the right ones",
    ),
    "a metric under a second name": (
        lambda bench: refusal(
            lambda: metrics_differ({"quality": RETRY.metric, "safety": RETRY.metric}, retries(bench), gold=gold)
        ),
        "the metrics 'quality' and 'safety' are one under two names",
    ),
    "a label among the inputs": (
        lambda bench: refusal(lambda: check_program(with_inputs("last_messages", "category"), DIAGNOSIS.program())),
        "eval 'diagnosis': the input 'category' is a label of the metric: the program would be told the answer",
    ),
    "the key among the inputs": (
        lambda bench: refusal(lambda: with_inputs("last_messages", "session_id")),
        "Dataset: the key 'session_id' is among the inputs: a program could learn answers by key",
    ),
    "blank evidence": (blank_evidence, "evidence has 0 words, allowed 1 to 30"),
    "an optimizer that changes nothing for the better": (
        no_op,
        "no change: none of 1 proposals beat the hand-written program's ",
    ),
}
"""What is bad → (what rejects it, as a call that returns its reason; what the reason must say)."""


@pytest.mark.parametrize("thing", KNOWN_BAD)
def test_it_is_rejected_with_its_reason(thing: str, sample_store: Store) -> None:
    rejected, reason = KNOWN_BAD[thing]

    assert reason in rejected(Bench(sample_store))


def test_what_is_good_passes_the_same_bench(sample_store: Store) -> None:
    """Else the table would prove nothing: a bench that fails everything rejects everything."""
    examples = Bench(sample_store).splits(RETRY).test
    results = predict_all(RETRY, Lookup(examples), examples, lm=always("?"), concurrency=1)

    assert judge(Gate(min_mean=RETRY.gate.min_mean), _scores(examples, results), None).outcome == "pass"
    metric_moves(RETRY.metric, retries(Bench(sample_store)))
    metrics_differ({"plan": RETRY.metric, "constant": constant}, retries(Bench(sample_store)), gold=gold)
