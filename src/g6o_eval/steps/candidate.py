"""The candidate: the program that a run judges, from the checkout; and the artifact made of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from g6o_eval.artifact import Artifact, Lineage, digest_text, prompt_digest
from g6o_eval.eval import Eval
from g6o_eval.prompt.constrain import constrained
from g6o_eval.prompt.publish import publish
from g6o_eval.prompt.render import render
from g6o_eval.prompt.state import check_program, dump_program, load_program

PROGRAM_FILE = "program.json"
PROMPT_FILE = "prompt.txt"

Origin = Literal["snapshot", "hand-written", "compiled", "live", "git"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program together with the text that stands for it.

    Attributes:
        program: the dspy.Module, its constraints written into its prompts.
        text: its canonical JSON, what program.json and the store hold.
        origin: where it came from.
    """

    program: Any
    text: str
    origin: Origin

    @property
    def program_digest(self) -> str:
        """SHA-256 of what code loads."""
        return digest_text(self.text)


def hand_written(spec: Eval) -> Candidate:
    """Return the Eval's own program, checked against its Dataset before anything is paid for."""
    program = spec.program()
    check_program(spec, program)
    written = constrained(program, spec.constraints)
    return Candidate(written, dump_program(spec, written), "hand-written")


def candidate_of(spec: Eval, snapshots: Path) -> Candidate:
    """Return the program in snapshots/<eval>/program.json, or without that file the hand-written one."""
    path = snapshots / spec.name / PROGRAM_FILE
    if not path.exists():
        return hand_written(spec)
    return loaded(spec, path.read_text(encoding="utf-8"), source=str(path), origin="snapshot")


def loaded(spec: Eval, text: str, *, source: str, origin: Origin) -> Candidate:
    """Return the program that a text holds.

    Raises:
        CandidateError: the text was compiled for other code, or is not one that we write.
    """
    check_program(spec, spec.program())
    program = load_program(spec, text, source=source)
    return Candidate(program, dump_program(spec, program), origin)


def compiled(spec: Eval, program: Any) -> Candidate:
    """Return what a compile made."""
    return Candidate(program, dump_program(spec, program), "compiled")


def artifact_of(spec: Eval, candidate: Candidate, lineage: Lineage) -> Artifact:
    """Return the artifact of a program: its state, and every text that it publishes or sends."""
    module = type(candidate.program)
    return Artifact(
        eval_name=spec.name,
        program=candidate.text,
        texts=publish(spec, candidate.program),
        rendered=render(candidate.program, spec.adapter),
        module_name=module.__qualname__,
        signature_name=signature_name(candidate.program),
        lineage=lineage,
    )


def prompt_digest_of(spec: Eval, program: Any) -> str:
    """Return the digest of what a program publishes and sends; the same as its artifact's."""
    return prompt_digest(publish(spec, program), render(program, spec.adapter))


def signature_name(program: Any) -> str:
    """Return the class name of the signature of the program's first predictor."""
    _, predictor = program.named_predictors()[0]
    name: str = predictor.signature.__name__
    return name


def dspy_version() -> str:
    """Return the installed version of dspy."""
    return version("dspy")
