"""g6o-eval show: the prompts of an Eval, or one of its examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from g6o_eval.commands.open import chosen_url, open_chosen, store_option
from g6o_eval.errors import DeclarationError

if TYPE_CHECKING:
    from g6o_eval.score import Score
    from g6o_eval.settings import Settings
    from g6o_eval.steps.show import Looked
    from g6o_eval.store.port import Store


@click.command()
@click.argument("name", metavar="EVAL")
@click.argument("key", required=False)
@store_option
def show(name: str, key: str | None, store: str | None) -> None:
    """Print the prompts of EVAL, live and committed, or one example.

    With KEY: that example of the latest stored run, what the program got, its score and feedback.
    """
    from g6o_eval.redact import plain, redact
    from g6o_eval.settings import read_settings

    settings = read_settings(Path.cwd())
    if key is None:
        with open_chosen(store, read_only=True, create=False, settings=settings) as opened:
            lines = _prompts(opened, settings, name)
    else:
        lines = _example(settings, store, name, key)
    click.echo(plain(redact("\n".join(lines))))  # as one text: a secret may span lines


def _prompts(store: Store, settings: Settings, name: str) -> list[str]:
    from g6o_eval.steps.show import live_texts

    live = live_texts(store, name)
    path = settings.snapshots / name / "prompt.txt"
    if live is None and not path.exists():
        raise DeclarationError(f"{name}: nothing is live in {store.url}, and there is no {path}")
    lines = [f"# {name}: live in {store.url}"]
    for prompt_id, text in sorted((live or {}).items()):
        lines += [f"## {prompt_id}", *text.split("\n")]
    lines += [] if live else ["(nothing is live)"]
    lines += ["", f"# {name}: candidate in {path.relative_to(settings.root)}"]
    return lines + (path.read_text(encoding="utf-8").split("\n") if path.exists() else ["(none is committed)"])


def _example(settings: Settings, store: str | None, name: str, key: str) -> list[str]:
    from g6o_eval.steps.discover import discover
    from g6o_eval.steps.show import look_at

    found = discover(settings.eval_paths, root=settings.root, store_url=chosen_url(store, settings))
    if name not in found:
        raise DeclarationError(f"there is no Eval {name!r} in this checkout; it has {', '.join(found)}")
    with open_chosen(store, read_only=True, create=False, settings=settings) as opened:
        return looked_lines(look_at(found[name].spec, opened, key))


def looked_lines(looked: Looked) -> list[str]:
    """Return what is known of one example, as lines."""
    run = looked.run
    return [
        f"{run.subject.eval_name} {looked.key}   run {run.run_id}, {run.at}, data {run.data_commit[:12]}",
        *_fields("input", looked.inputs),
        *_fields("label", looked.labels),
        *_scores("score", looked.scores),
        *_scores(f"baseline ({run.subject.baseline})", looked.baseline_scores),
    ]


def _fields(word: str, values: Mapping[str, Any]) -> Iterable[str]:
    for name, value in values.items():
        first, *more = str(value).split("\n")
        yield f"{word} {name}: {first}"
        yield from (f"    {line}" for line in more)


def _scores(word: str, scores: Iterable[Score]) -> Iterable[str]:
    for score in scores:
        yield f"{word}: {score.error if score.value is None else format(score.value, '.3f')}"
        if score.broken:
            yield f"    broke {', '.join(score.broken)}"
        yield from (f"    {line}" for line in score.feedback.split("\n") if line)
