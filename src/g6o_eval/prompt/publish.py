"""The texts that consumers read, by prompt id, and the file in which a person reviews them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from g6o_eval.errors import DeclarationError, SecretError
from g6o_eval.eval import Eval, Publish, check_prompt_id
from g6o_eval.prompt.render import render
from g6o_eval.redact import find_secrets, plain

MAX_BYTES = 65_535
"""Most bytes of UTF-8 that the readers' column compiled_prompts.compiled_prompt (TEXT) holds."""


def publish(spec: Eval, program: Any) -> dict[str, str]:
    """Return prompt id → text, by id: what `Eval.publish` makes, else the rendered messages.

    Raises:
        DeclarationError: there is no text, an id or text does not fit the readers' table, or the
            texts do not show a demo that the program was judged with.
        SecretError: a text holds a secret.
    """
    if spec.publish is not None:
        made = dict(spec.publish(program))
    else:
        assert spec.prompt_id is not None, "an Eval has a prompt_id or publish"
        made = {spec.prompt_id: render(program, spec.adapter)}
    if not made:
        raise DeclarationError(f"eval {spec.name!r}: publish returned no prompt; give at least one id and text")
    for prompt_id in made:
        check_prompt_id(prompt_id, eval_name=spec.name)
    texts = {prompt_id: _checked(spec, prompt_id, made[prompt_id]) for prompt_id in sorted(made)}
    if spec.publish is not None:
        _check_demos(spec.name, spec.publish, program, texts)
    return texts


def prompt_text(spec: Eval, program: Any) -> str:
    r"""Return what prompt.txt holds: one section per id, each with its text.

    What a reviewer would not see in a text is written as `\uXXXX`.
    """
    texts = publish(spec, program)
    return "\n".join(f"##### {prompt_id} #####\n{plain(text)}".rstrip("\n") + "\n" for prompt_id, text in texts.items())


def _check_demos(name: str, publish: Publish, program: Any, texts: Mapping[str, str]) -> None:
    """Raise DeclarationError when the texts would be the same without one of the program's demos."""
    for path, predictor in program.named_predictors():
        for at in range(len(predictor.demos)):
            without = program.deepcopy()
            del dict(without.named_predictors())[path].demos[at]
            if dict(publish(without)) == texts:
                raise DeclarationError(
                    f"eval {name!r}: its publish leaves out demo {at + 1} of predictor {path!r}, so consumers would "
                    "not read what is judged; write the demos into a text, or compile with Guidance, not Bootstrap"
                )


def _checked(spec: Eval, prompt_id: str, text: object) -> str:
    where = f"eval {spec.name!r}: the text of prompt {prompt_id!r}"
    if not isinstance(text, str):
        raise DeclarationError(f"{where} is {text!r}; publish must return texts")
    if not text.strip():
        raise DeclarationError(f"{where} is empty; a consumer would have nothing to send")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise DeclarationError(f"{where} cannot be written as UTF-8: {error}") from error
    if size > MAX_BYTES:
        raise DeclarationError(
            f"{where} has {size:,} bytes, the readers' column holds {MAX_BYTES:,}; use fewer or shorter demos"
        )
    if secrets := find_secrets(text):
        kinds = ", ".join(sorted({secret.kind for secret in secrets}))
        raise SecretError(f"{where} holds a secret ({kinds}); nothing was written. Redact the data it came from")
    return text
