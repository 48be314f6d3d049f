"""A server that takes what it is sent and does not answer, and goes on later."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from g6o_eval.errors import UnavailableError
from g6o_eval.store.address import parse_address
from g6o_eval.store.ledger import live
from g6o_eval.store.schema import HARNESS, migrate
from g6o_eval.store.server import ServerStore
from support.dolt_server import DoltServer
from support.faults import Faults
from support.promoter import artifact, promote

LIMIT, HANG = 0.4, 0.9  # seconds


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[DoltServer]:
    """A server that this test may stop, with a database `evals`."""
    server = DoltServer(tmp_path / "own")
    server.start()
    server.run("CREATE DATABASE evals")
    yield server
    server.kill()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def store(own_server: DoltServer, faults: Faults) -> Iterator[ServerStore]:
    with closing(ServerStore(parse_address(own_server.url("evals")), observe=faults)) as patient:
        migrate(patient, HARNESS)
    with closing(ServerStore(parse_address(f"{own_server.url('evals')}?timeout={LIMIT}"), observe=faults)) as opened:
        yield opened


def test_a_read_that_is_not_answered_ends_in_time_and_says_how_to_give_it_more(
    own_server: DoltServer, store: ServerStore
) -> None:
    own_server.freeze()
    start = time.monotonic()

    with pytest.raises(UnavailableError) as caught:
        store.head()

    assert time.monotonic() - start < 5
    assert str(caught.value) == (
        f"the Dolt server at 127.0.0.1:{own_server.port} ({store.url}) did not answer in time (Lost connection to "
        "MySQL server during query (timed out)); the URL's timeout=SECONDS gives more."
    )
    own_server.thaw()
    assert len(store.head()) == 32


@pytest.mark.filterwarnings("ignore:promote stands, but its label")
def test_a_promotion_that_is_not_answered_says_whether_it_was_written(
    own_server: DoltServer, store: ServerStore, faults: Faults
) -> None:
    def hang() -> None:
        own_server.freeze()
        goes_on.append(threading.Timer(HANG, own_server.thaw))
        goes_on[-1].start()

    goes_on: list[threading.Timer] = []
    promote(store, "triage", "start", by="ann")
    ends = ("CALL DOLT_COMMIT", "CALL DOLT_MERGE", "SELECT HAS_ANCESTOR", "CALL DOLT_BRANCH('-D'")
    said = {}

    for end in ends:
        program, before = f"at {end}", state(store)
        faults.set(None)
        faults.at_first(end, hang)
        said[end] = outcome(store, program)
        goes_on[-1].join()
        new = (artifact("triage", program).program_digest, [f"text of {program}"])
        assert said[end] in ("promoted", "nothing", "not known"), end
        allowed = {"promoted": [new], "nothing": [before], "not known": [before, new]}[said[end]]
        faults.set(None)
        promote(store, "other", program, by="bob")  # waits for what the server may still be at
        assert state(store) in allowed, end

    assert said["CALL DOLT_COMMIT"] == "nothing"
    assert said["CALL DOLT_BRANCH('-D'"] == "promoted"
    assert store.dirty() == ()
    assert own_server.run("SELECT name FROM dolt_branches", database="evals") == [("main",)]


def outcome(store: ServerStore, program: str) -> str:
    """Promote; return "promoted", or what the error says about it: "nothing" was written, "not known", or all of it."""
    message = f"'Promote triage {artifact('triage', program).program_digest[:12]}'"
    try:
        promote(store, "triage", program, by="ann")
    except UnavailableError as error:
        said = str(error)
        assert "did not answer in time" in said
        if said.endswith(f"Nothing was written by {message}"):
            return "nothing"
        return "not known" if f"Whether {message} was written is not known" in said else said
    return "promoted"


def state(store: ServerStore) -> tuple[str, list[str]]:
    """Return the live program and the texts that consumers read, at one commit."""
    at = store.head()
    entry = live(store, "triage", at=at)
    assert entry is not None
    rows = store.read("SELECT compiled_prompt FROM compiled_prompts WHERE prompt_id = 'triage:p'", at=at)
    return str(entry.program_digest), [str(text) for (text,) in rows]
