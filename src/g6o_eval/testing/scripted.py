"""An engine of DSPy that answers from a script, so that a test needs no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from g6o_eval.lm.meter import Meter

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

Messages = tuple[tuple[str, str], ...]
"""(role, text) of what was sent, the system message first."""

Answer = str | Mapping[str, Any] | BaseException
"""Raw text; or output field → value, written as the adapter asks for it; or what the call raises."""


class ScriptedEngine:
    """An engine of DSPy 3.4 that answers from a script and refuses what the script does not know.

    Args:
        answers: one per call, in the order of the calls; or a function of the messages, which
            returns None for a call that should not happen.

    Attributes:
        requests: the messages of each call, in order.
    """

    def __init__(self, answers: Sequence[Answer] | Callable[[Messages], Answer | None]) -> None:
        self.requests: list[Messages] = []
        self._answers = answers
        self._unexpected: list[Messages] = []
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Response:
        """Return the next answer.

        Raises:
            AssertionError: the script has none; `check` tells of it again, for dspy may swallow it.
        """
        from dspy.lm15 import Usage

        from g6o_eval.lm.engine import answer, messages_of, tokens

        messages = messages_of(request)
        found = self._next(messages)
        if isinstance(found, BaseException):
            raise found
        said = found if isinstance(found, str) else _written(found, messages)
        usage = Usage(input_tokens=tokens(*(text for _, text in messages)), output_tokens=tokens(said))
        return answer("scripted", said, usage=usage)

    def check(self) -> None:
        """Raise AssertionError if a call was unexpected, or an answer was never asked for."""
        if self._unexpected:
            raise AssertionError(_told(len(self.requests), self._unexpected[0]))
        unused = 0 if callable(self._answers) else len(self._answers) - len(self.requests)
        if unused > 0:
            raise AssertionError(f"{unused} of {unused + len(self.requests)} scripted answers were never asked for")

    def _next(self, messages: Messages) -> Answer:
        with self._lock:
            number = len(self.requests)
            self.requests.append(messages)
            if callable(self._answers):
                found = self._answers(messages)
            else:
                found = self._answers[number] if number < len(self._answers) else None
            if found is None:
                self._unexpected.append(messages)
                raise AssertionError(_told(number + 1, messages))
            return found


def scripted_lm(engine: ScriptedEngine, *, meter: Meter | None = None) -> Any:
    """Return a dspy.LM that asks the engine: metered, price $0, no cache, no retry."""
    import dspy

    from g6o_eval.lm.engine import MeteredEngine

    metered = MeteredEngine(engine, meter=meter or Meter(), price=lambda request, response: 0.0)
    return dspy.LM("scripted", engine=metered, cache=False, num_retries=0)


def _written(values: Mapping[str, Any], messages: Messages) -> str:
    """Write output fields in the form that the prompt asks for."""
    if any(role == "system" and "Outputs will be a JSON object" in text for role, text in messages):
        return json.dumps(dict(values), ensure_ascii=False)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return "\n\n".join([*(f"[[ ## {name} ## ]]\n{text}" for name, text in texts.items()), "[[ ## completed ## ]]"])


def _told(number: int, messages: Messages) -> str:
    return f"call {number} is not in the script; it was sent: {messages[-1][1]!r}"
