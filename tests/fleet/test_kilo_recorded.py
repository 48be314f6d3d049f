"""The importer against real folders: what INDEX.json says of them, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.fleet.ingest.kilo import read, read_folder
from g6o_eval.fleet.ingest.write import ingest
from g6o_eval.fleet.session import Refused, Session, SourceFile
from g6o_eval.store.port import Store

RECORDED = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded folders (../shared/data) are not here")


def index_of(session: Session) -> dict[str, Any]:
    """Return what INDEX.json would say of a session."""
    ui, api, metadata = session.files
    usage = session.usage
    return {
        **of_interface(ui),
        **of_history(api),
        "api_req": {
            "cacheReads": usage.cache_reads,
            "cacheWrites": usage.cache_writes,
            "cost": round(usage.request_usd, 6),
            "n": usage.requests,
            "tokensIn": usage.tokens_in,
            "tokensOut": usage.tokens_out,
            "without_cost": usage.without_cost,
        },
        "files": {file.name: file.size_bytes for file in session.files if file.status != "missing"},
        "files_in_context": metadata.kinds.get("files_in_context", 0),
        "meta_keys": sorted(metadata.kinds),
        "meta_status": metadata.status,
    }


def of_interface(ui: SourceFile) -> dict[str, Any]:
    return {
        "dup_ts": ui.repeated_ts,
        "last": ui.last_kind,
        "partial_true": ui.partial,
        "ts_first": ui.first_ts,
        "ts_last": ui.last_ts,
        "ui_kinds": ui.kinds,
        "ui_n": ui.elements,
        "ui_status": ui.status,
        "ui_tool_calls": ui.calls,
    }


def of_history(api: SourceFile) -> dict[str, Any]:
    calls: dict[str, dict[str, int]] = {"native": {}, "xml": {}}
    for name, count in api.calls.items():
        kind, _, tool = name.partition(":")
        calls[kind][tool] = count
    return {
        "api_n": api.elements,
        "api_roles": api.kinds,
        "api_status": api.status,
        "api_tool_use": calls["native"],
        "api_with_ts": api.with_ts,
        "api_xml_tools": calls["xml"],
    }


def test_every_recorded_roo_folder_is_read_as_the_index_says() -> None:
    index = json.loads((RECORDED / "INDEX.json").read_text())
    expected = {key.removeprefix("roo/"): value for key, value in index.items() if key.startswith("roo/")}

    found = {item.session_id: index_of(item) for item in read(RECORDED / "roo") if isinstance(item, Session)}

    assert found == expected


def test_the_recorded_costs_include_condensing() -> None:
    usd = {item.session_id[:8]: item.usage for item in read(RECORDED / "roo") if isinstance(item, Session)}

    assert round(usd["ac8aa7b4"].usd, 6) == round(5.97198 + 0.1342123125, 6)
    assert round(usd["d6a6a99a"].usd, 6) == 5.028631


@pytest.mark.parametrize("name", ["ui_messages.json", "api_conversation_history.json", "task_metadata.json"])
def test_every_edge_variant_under_every_name_gives_rows_or_a_reason(tmp_path: Path, name: str) -> None:
    variants = sorted((RECORDED / "roo-edge-variants").iterdir())
    assert len(variants) == 53

    for variant in variants:
        folder = tmp_path / variant.name
        folder.mkdir()
        (folder / name).write_bytes(variant.read_bytes())
        found = read_folder(folder)
        assert found.issues if isinstance(found, Refused) else found.messages, variant.name


def test_all_recorded_folders_and_variants_can_be_written(store: Store, tmp_path: Path) -> None:
    for name in ("ui_messages.json", "api_conversation_history.json", "task_metadata.json"):
        for variant in (RECORDED / "roo-edge-variants").iterdir():
            folder = tmp_path / name / f"{name}-{variant.name}"
            folder.mkdir(parents=True)
            (folder / name).write_bytes(variant.read_bytes())

    report = ingest(store, [RECORDED / "roo", *(path for path in tmp_path.iterdir() if path.is_dir())])

    assert (report.folders, report.sessions + sum(report.refused.values())) == (10 + 3 * 53, 10 + 3 * 53)
    assert ingest(store, [RECORDED / "roo"]).commit == report.commit
