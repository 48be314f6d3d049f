"""What must never pass, each shown to be rejected where a user meets it: in a pytest run."""

from __future__ import annotations

import pytest

from support.eval_project import EvalProject, tickets

ENGINES = """
from dspy.lm15 import Message, Response, TextPart, Usage


class Says:
    def __init__(self, label):
        self.text = f"[[ ## label ## ]]\\n{label}\\n\\n[[ ## completed ## ]]"

    def complete(self, request):
        usage = Usage(input_tokens=10, output_tokens=3, total_tokens=13)
        return Response(
            id=None, model="says", message=Message.assistant([TextPart(self.text)]), finish_reason="stop", usage=usage
        )


def always_billing():
    return Says("billing")


def never_a_label():
    return Says("banana")
"""


@pytest.fixture
def says(loaded: EvalProject) -> EvalProject:
    """The loaded project, played by an engine that answers one word whatever it is asked."""
    loaded.write("engines.py", ENGINES)
    loaded.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=engine:engines:always_billing\n")
    return loaded


def test_an_lm_that_always_answers_the_same_word_fails_its_gate(says: EvalProject) -> None:
    says.change("evals/test_triage.py", "Gate(max_drop=0.10)", "Gate(min_mean=0.6)")

    result = says.run("evals", "-k", "not prompt")
    says.run("evals", "--snapshot-update")
    result = says.run("evals")

    assert result.ret == 20
    assert says.verdict().verdict.outcome == "fail"


def test_an_answer_outside_the_labels_is_an_error_of_its_item_and_no_score(says: EvalProject) -> None:
    says.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=engine:engines:never_a_label\n")

    result = says.run("evals")

    assert result.ret == 1
    run = says.verdict()
    assert run.verdict.outcome == "fail"
    assert run.scores.errors == len(run.scores) > 0
    result.stdout.fnmatch_lines(["*AdapterParseError*"])


def test_a_metric_that_raises_on_every_example_fails_with_its_errors(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", 'metric=exact("label")', "metric=lambda example, prediction: 1 / 0")

    result = loaded.run("evals")

    assert result.ret == 1
    assert loaded.verdict().verdict.outcome == "fail"
    result.stdout.fnmatch_lines(["the metric raised ZeroDivisionError: division by zero"])


def test_a_nan_score_is_an_error_and_no_pass(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", 'metric=exact("label")', 'metric=lambda example, prediction: float("nan")')

    result = loaded.run("evals")

    assert result.ret == 1
    assert loaded.verdict().verdict.outcome == "fail"
    result.stdout.fnmatch_lines(["the metric returned nan, which is outside [[]0, 1[]]"])


def test_a_failing_item_beside_a_passing_metric_fails_the_verdict(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", "assert example.id not in prediction.label", 'assert example.id != "t000"')
    loaded.change("evals/test_triage.py", 'metric=exact("label")', "metric=lambda example, prediction: 1.0")
    loaded.change("evals/test_triage.py", 'group="account")', 'group="account", shares=Shares(0.0, 0.0, 1.0))')
    loaded.change("evals/test_triage.py", "Gate, exact", "Gate, Shares, exact")

    result = loaded.run("evals", "--snapshot-update")
    result = loaded.run("evals")

    assert result.ret == 1
    verdict = loaded.verdict().verdict
    assert verdict.outcome == "fail"
    assert verdict.mean == 1.0
    assert verdict.reasons == ("1 item failed",)


def test_a_broken_assert_fails_its_item_and_counts_zero(loaded: EvalProject) -> None:
    loaded.change("evals/test_triage.py", "labels=LABELS)", 'labels=("nothing",))')

    result = loaded.run("evals")

    assert result.ret == 1
    assert loaded.verdict().verdict.mean == 0.0
    result.stdout.fnmatch_lines(["broke one-label: *Answer with exactly one of: nothing.*"])


def test_an_empty_dataset_ends_the_session_before_anything_runs(project: EvalProject) -> None:
    project.load([])

    result = project.run("evals")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *triage*"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('inputs=("text",)', 'inputs=("text", "label")', "*'label'*"),
        ('inputs=("text",)', 'inputs=("account",)', "*'text'*"),
        ("program=lambda: dspy.Predict(Triage)", "program=dspy.Module", "*named predictor*"),
        (
            "SELECT id, account, text, label",
            "SELECT id, account, id AS text, price AS label",
            "*column 'label' is DECIMAL*CAST(label AS DOUBLE) AS label",
        ),
    ],
    ids=["a label among the inputs", "a field that is no input", "no named predictor", "a DECIMAL column"],
)
def test_a_declaration_that_cannot_be_judged_is_refused(project: EvalProject, old: str, new: str, message: str) -> None:
    columns = "id VARCHAR(40) PRIMARY KEY, account VARCHAR(40), text LONGTEXT, label VARCHAR(40), price DECIMAL(10,2)"
    project.load([(*row, 1) for row in tickets()], columns=columns.replace("(10,2)", ""))
    project.change("evals/test_triage.py", old, new)

    result = project.run("evals")

    assert result.ret != 0
    (result.stdout if result.ret == 1 else result.stderr).fnmatch_lines([message])


def test_two_examples_with_one_text_in_different_splits_are_refused(project: EvalProject) -> None:
    rows = tickets(60)
    copies = [(f"c{n}", f"other{n}", text.upper(), label) for n, (_, _, text, label) in enumerate(rows)]
    project.load(rows + copies)

    result = project.run("evals")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*share the input text of 't*' and 'c*: what is judged would be known from train.*"])


def test_a_marker_without_an_eval_names_the_test_that_carries_it(project: EvalProject) -> None:
    project.write(
        "evals/test_triage.py",
        """
        import pytest

        @pytest.mark.eval("triage")
        def test_triage(example):
            pass
    """,
    )

    result = project.run("evals")

    assert result.ret != 0
    result.stderr.fnmatch_lines(["*test_triage.py::test_triage: the eval marker takes one Eval*"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--eval-lm=poet=offline", "ERROR: --eval-lm: unknown role 'poet' in 'poet=offline'; *"),
        ("--eval-concurrency=0", "*--eval-concurrency '0': expected a whole number from 1 to 1024"),
    ],
)
def test_an_option_that_means_nothing_is_refused(loaded: EvalProject, option: str, message: str) -> None:
    result = loaded.run("evals", option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_baseline_that_git_does_not_know_is_named(loaded: EvalProject) -> None:
    result = loaded.run("evals", "--eval-baseline=git:nowhere")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["triage cannot be judged: --eval-baseline git:nowhere: git knows no such commit here*"]
    )
    assert not (loaded.root / ".g6o/last/triage.json").exists()


def test_a_secret_in_a_demo_stops_the_compile(project: EvalProject) -> None:
    secret = "sk-proj-" + "Ab3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z"
    project.load([(key, account, f"{text} {secret}", label) for key, account, text, label in tickets()])

    result = project.run("evals", "--compile")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*demo 1 of predictor 'self' holds a secret (openai-key) in field 'text'; nothing was written*"]
    )
    assert not (project.root / "snapshots/triage/program.json").exists()


KNOWS_THE_ANSWERS = """
import dspy


class KnowsTheAnswers(dspy.Module):
    def __init__(self, signature):
        super().__init__()
        self.never_asked = dspy.Predict(signature)

    def forward(self, text):
        words = {"billing": "invoice refund charge payment receipt overcharged discount tax",
                 "shipping": "package courier tracking delivery parcel warehouse customs freight"}
        hits = {label: sum(word in text for word in of.split()) for label, of in words.items()}
        best = max(hits, key=hits.get)
        return dspy.Prediction(label=best if hits[best] else "account")
"""


def test_a_program_that_knows_the_answers_and_asks_no_lm_fails_however_right_it_is(loaded: EvalProject) -> None:
    loaded.write("answers.py", KNOWS_THE_ANSWERS)
    loaded.write("pytest.ini", "[pytest]\npythonpath = .\ng6o_lm = task=offline\n")
    loaded.change("evals/test_triage.py", "program=lambda: dspy.Predict(Triage)", "program=build_program")
    loaded.change(
        "evals/test_triage.py",
        "TRIAGE = Eval(",
        "def build_program():\n    from answers import KnowsTheAnswers\n\n"
        "    return KnowsTheAnswers(Triage)\n\n\nTRIAGE = Eval(",
    )

    loaded.run("evals", "--snapshot-update")
    result = loaded.run("evals")

    run = loaded.verdict()
    assert run.verdict.mean == 1.0
    assert (run.verdict.outcome, run.spend.calls) == ("fail", 0)
    assert run.verdict.reasons == (f"{len(run.scores)} items failed",)
    assert run.notes[-1] == f"the program asked no LM: its {len(run.scores)} answers say nothing about a prompt"
    assert result.ret == 20
