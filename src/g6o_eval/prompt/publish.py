"""The texts that consumers read, by prompt id, and the file in which a person reviews them."""

from __future__ import annotations

from typing import Any

from g6o_eval.errors import DeclarationError, SecretError
from g6o_eval.eval import Eval, check_prompt_id
from g6o_eval.prompt.render import render
from g6o_eval.redact import find_secrets, plain

MAX_BYTES = 65_535
"""Most bytes of UTF-8 that the readers' column compiled_prompts.compiled_prompt (TEXT) holds."""


def publish(spec: Eval, program: Any) -> dict[str, str]:
    """Return prompt id → text, by id: what `Eval.publish` makes, else the rendered messages.

    Raises:
        DeclarationError: there is no text, or an id or text does not fit the readers' table.
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
    return {prompt_id: _checked(spec, prompt_id, made[prompt_id]) for prompt_id in sorted(made)}


def prompt_text(spec: Eval, program: Any) -> str:
    r"""Return what prompt.txt holds: one section per id, each with its text.

    What a reviewer would not see in a text is written as `\uXXXX`.
    """
    texts = publish(spec, program)
    return "\n".join(f"##### {prompt_id} #####\n{plain(text)}".rstrip("\n") + "\n" for prompt_id, text in texts.items())


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
