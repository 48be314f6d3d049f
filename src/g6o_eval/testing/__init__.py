"""For tests of evals, yours and ours: a scripted LM, Hypothesis strategies, properties of metrics.

```python
engine = ScriptedEngine([{"label": "billing"}, {"label": "shipping"}])
with dspy.context(lm=scripted_lm(engine)):
    assert my_program(text="where is my parcel?").label == "billing"
engine.check()          # every answer was asked for, and nothing else

@given(st.lists(examples_for(Triage), min_size=4, unique_by=lambda example: example.label))
def test_the_metric_is_one(examples):
    metric_moves(exact("label"), examples)
    metric_ignores(exact("label"), examples, fields=("account",))
    gold_beats_constants(exact("label"), examples)
```

The strategies need Hypothesis: `pip install 'g6o-eval[testing]'`. Nothing else here does.
"""

from __future__ import annotations

from g6o_eval.testing.metamorphic import (
    gold_beats_constants,
    metric_ignores,
    metric_moves,
    metrics_differ,
    shouted,
)
from g6o_eval.testing.scripted import Answer, Messages, ScriptedEngine, scripted_lm
from g6o_eval.testing.strategies import examples_for, scores, values_of

__all__ = [
    "Answer",
    "Messages",
    "ScriptedEngine",
    "examples_for",
    "gold_beats_constants",
    "metric_ignores",
    "metric_moves",
    "metrics_differ",
    "scores",
    "scripted_lm",
    "shouted",
    "values_of",
]
