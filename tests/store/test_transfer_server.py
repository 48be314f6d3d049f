"""A history moves between engines: the same rows, the same text for consumers, on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from g6o_eval.errors import DataError, RefusedError
from g6o_eval.steps.promote import AlreadyLive, Checkout, promote
from g6o_eval.steps.rollback import rollback
from g6o_eval.steps.transfer import KEYS, export_history, import_history
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, live
from g6o_eval.store.origins import origins
from g6o_eval.store.port import Row, Store
from g6o_eval.store.schema import known_migrations, migrate
from support.desk import Desk, open_desk
from support.dolt_server import DoltServer

TABLES = [*(table for table in KEYS if table != "g6o_imports"), "compiled_prompts"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An embedded store with two promotions, a rollback and a failed run."""
    with open_desk(tmp_path) as made:
        for instruction in ("One.", "Two. é😀 \\ ' \" \r\n"):
            made.compile(instruction)
            made.judge()
            made.promote()
        rollback(made.store, "triage", by="Ada", reason="it lies")
        made.judge(0.1)
        yield made


@pytest.fixture
def server_store(server_url: str, tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(server_url, root=tmp_path)) as store:
        migrate(store, known_migrations())
        yield store


def rows(store: Store, table: str) -> list[Row]:
    columns = [column.name for column in store.read(f"SELECT * FROM {table} WHERE 1 = 0").columns]
    found = store.read(f"SELECT {', '.join(sorted(f'`{name}`' for name in columns))} FROM {table}")
    return sorted(found, key=repr)


def test_every_row_moves_to_the_server_and_back(
    desk: Desk, server_store: Store, dolt_server: DoltServer, tmp_path: Path
) -> None:
    out, back = tmp_path / "out.jsonl", tmp_path / "back.jsonl"
    export_history(desk.store, out)

    done = import_history(server_store, out, by="Bo")
    export_history(server_store, back)
    with closing(open_store("doltlite:///third.db", root=tmp_path)) as third:
        migrate(third, known_migrations())
        import_history(third, back, by="Cy")

        for table in TABLES:
            assert rows(server_store, table) == rows(desk.store, table) == rows(third, table) != [], table
        assert [origin.origin_kind for origin in origins(third)] == ["embedded", "server"]

    assert done.commit == server_store.head()
    assert live(server_store, "triage") == live(desk.store, "triage")
    assert server_store.dirty() == ()


def test_a_second_import_into_the_server_changes_nothing(desk: Desk, server_store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    export_history(desk.store, out)
    import_history(server_store, out, by="Bo")
    head = server_store.head()

    assert import_history(server_store, out, by="Bo").commit is None
    assert server_store.head() == head


def test_a_broken_line_leaves_the_server_as_it_was(desk: Desk, server_store: Store, tmp_path: Path) -> None:
    out, head = tmp_path / "out.jsonl", server_store.head()
    export_history(desk.store, out)
    lines = out.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2].replace(b"triage", b"treage", 1)
    out.write_bytes(b"".join(lines))

    with pytest.raises(DataError, match=f"line {len(lines) - 1}: its checksum is wrong"):
        import_history(server_store, out, by="Bo")

    assert (server_store.head(), server_store.dirty(), rows(server_store, "g6o_runs")) == (head, (), [])


def test_what_moved_is_live_on_the_server_and_promotes_nothing_new(
    desk: Desk, server_store: Store, tmp_path: Path
) -> None:
    with server_store.change("Tickets") as change:
        change.execute("CREATE TABLE tickets (id BIGINT NOT NULL PRIMARY KEY, text LONGTEXT, team LONGTEXT)")
        change.insert("tickets", ("id", "text", "team"), desk.store.read("SELECT id, text, team FROM tickets"))
    desk.compile("One.")
    desk.compile("Three.")
    run = desk.judge()
    export_history(desk.store, tmp_path / "out.jsonl")
    import_history(server_store, tmp_path / "out.jsonl", by="Bo")

    def try_promote() -> object:
        checkout = Checkout(root=desk.root, snapshots=desk.root / "snapshots", models={"task": "offline"})
        order = Order(by="Ada", allow_offline=True)
        return promote(desk.spec, (desk.test_file,), store=server_store, checkout=checkout, order=order)

    with pytest.raises(RefusedError) as caught:
        try_promote()
    desk.compile("One.")

    assert caught.value.reasons == (
        f"triage: run {run.run_id} was judged in {desk.store.url} and imported here; "
        "a proof does not travel between stores. Run: pytest evals/",
    )
    assert isinstance(try_promote(), AlreadyLive)
