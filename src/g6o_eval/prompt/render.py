"""The messages that an LM gets, as text: the same characters on every machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # before dspy: else it fetches a price list

from dspy.adapters.chat_adapter import ChatAdapter
from dspy.adapters.json_adapter import JSONAdapter

from g6o_eval.eval import Adapter
from g6o_eval.redact import plain


def make_adapter(name: Adapter) -> Any:
    """Return the DSPy adapter of an Eval. It asks once: a malformed answer is an error, not a second call."""
    return JSONAdapter() if name == "json" else ChatAdapter(use_json_adapter_fallback=False)


def render(program: Any, adapter: Adapter) -> str:
    r"""Return the messages of every named predictor, by name, with a `{field}` hole for each input.

    Line ends are `\n`; what a reader would not see, `\r` among it, is written as `\uXXXX`. It ends
    with a line end.
    """
    return render_example(program, adapter, {})


def render_example(program: Any, adapter: Adapter, inputs: Mapping[str, Any]) -> str:
    """Return the messages of every named predictor for one example; an input it lacks stays a hole."""
    return "\n".join(
        _predictor_text(name, predictor, adapter, inputs) for name, predictor in sorted(program.named_predictors())
    )


def _predictor_text(name: str, predictor: Any, adapter: Adapter, inputs: Mapping[str, Any]) -> str:
    signature = predictor.signature
    filled = {field: inputs.get(field, f"{{{field}}}") for field in signature.input_fields}
    messages = make_adapter(adapter).format(signature, predictor.demos, filled)
    blocks = [f"--- {message['role']} ---\n{_ended(plain(message['content']))}" for message in messages]
    return f"=== {name} ===\n" + "".join(blocks)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
