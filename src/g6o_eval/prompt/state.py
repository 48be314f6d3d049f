"""The state of a program as canonical JSON: written by name, read strictly.

DSPy's own load() goes by position and says nothing when the code has changed; this one refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dspy.adapters.utils import get_annotation_name

from g6o_eval.artifact import canonical_json, digest
from g6o_eval.errors import CandidateError, SecretError
from g6o_eval.eval import Eval
from g6o_eval.prompt.check import check_program
from g6o_eval.prompt.constrain import constrained, reworded, with_clauses
from g6o_eval.prompt.demo import demo_of
from g6o_eval.redact import find_secrets

__all__ = ["check_program", "dump_program", "load_program", "signature_hash"]

FORMAT = 1
_KEYS = ("adapter", "eval", "format", "predictors", "signature")
_PREDICTOR_KEYS = ("demos", "fields", "instructions")
_FIELD_KEYS = ("description", "name", "prefix")


def dump_program(spec: Eval, program: Any) -> str:
    """Return the canonical JSON of a program's state.

    It holds instructions, the words of the fields, and demos with the signature's fields alone:
    no key of an example, no LM, no trace.

    Raises:
        DataError: a demo holds a value that JSON has no exact form for.
        SecretError: a text in it holds a secret.
    """
    predictors = {path: _predictor_state(path, predictor) for path, predictor in program.named_predictors()}
    for problem in _secrets(predictors):
        raise SecretError(f"eval {spec.name!r}: {problem}; nothing was written. Redact the data it came from")
    return canonical_json(
        {
            "format": FORMAT,
            "eval": spec.name,
            "signature": signature_hash(spec, spec.program()),
            "adapter": spec.adapter,
            "predictors": predictors,
        }
    )


def load_program(spec: Eval, text: str, *, source: str, other_words: bool = False) -> Any:
    """Return the Eval's program with the state that `dump_program` wrote.

    Args:
        spec: the Eval that the text should belong to.
        text: the JSON.
        source: where it stands, for the message.
        other_words: take a text of code that said other things about the same fields: it holds its
            own words, so it can still be run, to compare with.

    Raises:
        CandidateError: it is not JSON, not of this format, of another Eval, compiled for other
            code, or holds a key that we do not write, an LM above all.
    """
    state = _parsed(text, source)
    _only_keys(state, _KEYS, f"{source}")
    if state["format"] != FORMAT:
        raise CandidateError(f"{source}: format is {state['format']!r}, this version reads {FORMAT}. {_remedy(spec)}")
    if state["eval"] != spec.name:
        raise CandidateError(f"{source}: it belongs to eval {state['eval']!r}, not to {spec.name!r}. {_remedy(spec)}")
    program = constrained(spec.program(), spec.constraints)
    foreign = state["signature"] != signature_hash(spec, program)
    if (foreign and not other_words) or state["adapter"] != spec.adapter:
        raise CandidateError(f"{source}: eval {spec.name!r} was compiled for other code. {_remedy(spec)}")
    predictors = dict(program.named_predictors())
    _only_keys(state["predictors"], tuple(sorted(predictors)), f"{source}: predictors")
    for path, predictor in predictors.items():
        _restore(predictor, state["predictors"][path], f"{source}: predictor {path!r}")
    return program


def signature_hash(spec: Eval, program: Any) -> str:
    """Return the digest of what the code says about the prompts: fields, types, words, clauses.

    Give it the hand-written program; whether the clauses stand in it makes no difference.
    """
    return digest(
        {
            "predictors": {
                path: {
                    "instructions": with_clauses(predictor.signature.instructions, ()),
                    "inputs": _described(predictor.signature.input_fields),
                    "outputs": _described(predictor.signature.output_fields),
                }
                for path, predictor in program.named_predictors()
            },
            "clauses": [[type(one).__name__, one.name, one.clause] for one in spec.constraints],
        }
    )


def _described(fields: Mapping[str, Any]) -> list[list[str]]:
    return [
        [name, get_annotation_name(field.annotation), *_words(field).values()]  # type: ignore[no-untyped-call]  # dspy
        for name, field in fields.items()
    ]


def _words(field: Any) -> dict[str, str]:
    extra = field.json_schema_extra
    return {"prefix": extra["prefix"], "description": extra["desc"]}


def _predictor_state(path: str, predictor: Any) -> dict[str, Any]:
    signature = predictor.signature
    return {
        "instructions": signature.instructions,
        "fields": [{"name": name, **_words(field)} for name, field in signature.fields.items()],
        "demos": [
            demo_of(signature, demo, where=f"demo {number} of predictor {path!r}")
            for number, demo in enumerate(predictor.demos, 1)
        ],
    }


def _restore(predictor: Any, state: Any, where: str) -> None:
    """Set a predictor to a state that must fit its signature."""
    _only_keys(state, _PREDICTOR_KEYS, where)
    signature = predictor.signature
    if not isinstance(state["instructions"], str) or not isinstance(state["fields"], list):
        raise CandidateError(f"{where}: instructions must be a text and fields a list")
    for field in state["fields"]:
        _only_keys(field, _FIELD_KEYS, f"{where}: fields")
    names = [field["name"] for field in state["fields"]]
    if names != list(signature.fields):
        raise CandidateError(f"{where}: its fields are {names!r}, the code's are {list(signature.fields)!r}")
    for field in state["fields"]:
        if not isinstance(field["prefix"], str) or not isinstance(field["description"], str):
            raise CandidateError(f"{where}: prefix and description of field {field['name']!r} must be texts")
    _check_demos(state["demos"], signature, where)
    restored = reworded(signature, state["instructions"])
    for field in state["fields"]:
        restored = restored.with_updated_fields(field["name"], prefix=field["prefix"], desc=field["description"])
    restored.__name__ = signature.__name__
    predictor.signature, predictor.demos = restored, state["demos"]


def _check_demos(demos: Any, signature: Any, where: str) -> None:
    if not isinstance(demos, list) or not all(isinstance(demo, dict) for demo in demos):
        raise CandidateError(f"{where}: demos must be a list of objects")
    for number, demo in enumerate(demos, 1):
        if unknown := sorted(set(demo) - set(signature.fields)):
            fields = list(signature.fields)
            raise CandidateError(f"{where}: demo {number} holds {unknown!r}, no fields of its signature {fields!r}")


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        state = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise CandidateError(f"{source}: not JSON that we wrote: {error}") from error
    if not isinstance(state, dict):
        raise CandidateError(f"{source}: not a JSON object but {type(state).__name__}")
    return state


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        )
    return found


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _only_keys(state: Any, wanted: tuple[str, ...], where: str) -> None:
    if not isinstance(state, dict):
        raise CandidateError(f"{where}: expected an object, got {type(state).__name__}")
    if "lm" in state and "lm" not in wanted:
        raise CandidateError(
            f"{where}: it names an LM; which model runs is said by the role, never by a compiled program"
        )
    if unknown := sorted(set(state) - set(wanted)):
        raise CandidateError(f"{where}: unknown keys {unknown!r}; we write {list(wanted)!r}")
    if missing := sorted(set(wanted) - set(state)):
        raise CandidateError(f"{where}: keys {missing!r} are missing")


def _secrets(predictors: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for path, state in predictors.items():
        if found := _secret_kinds(state["instructions"], *(f["description"] for f in state["fields"])):
            yield f"the instructions of predictor {path!r} hold a secret ({found})"
        for number, demo in enumerate(state["demos"], 1):
            for name, value in demo.items():
                if found := _secret_kinds(*_texts(value), canonical_json({name: value})):
                    yield f"demo {number} of predictor {path!r} holds a secret ({found}) in field {name!r}"


def _secret_kinds(*texts: str) -> str:
    return ", ".join(sorted({secret.kind for text in texts for secret in find_secrets(text)}))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value: escaped inside JSON, a secret may not look like one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)


def _remedy(spec: Eval) -> str:
    path = f"snapshots/{spec.name}/program.json"
    return f"Recompile: pytest evals/ --compile, or delete {path} for the hand-written program"
