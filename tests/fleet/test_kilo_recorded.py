"""The importer against real folders: what INDEX.json says of them, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from g6o_eval.fleet.ingest.array import BOM, NO_ARRAY
from g6o_eval.fleet.ingest.census import FOREIGN
from g6o_eval.fleet.ingest.kilo import NO_MESSAGES, read, read_folder
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


def test_every_recorded_folder_is_read_as_the_index_says() -> None:
    index = json.loads((RECORDED / "INDEX.json").read_text())
    assert len(index) == 16

    found = {name: read_folder(RECORDED / name) for name in index}

    assert {name: index_of(item) for name, item in found.items() if isinstance(item, Session)} == {
        name: expected for name, expected in index.items() if "ui_n" in expected
    }
    (alone,) = [item for item in found.values() if isinstance(item, Refused)]
    metadata = alone.files[2]
    assert (alone.session_id, alone.reason) == ("1746820614078", NO_MESSAGES)
    assert {
        "api_status": alone.files[1].status.replace("missing", "absent"),
        "files": {file.name: file.size_bytes for file in alone.files if file.status != "missing"},
        "files_in_context": metadata.kinds["files_in_context"],
        "meta_keys": sorted(metadata.kinds),
        "meta_status": metadata.status,
        "ui_status": alone.files[0].status.replace("missing", "absent"),
    } == index["cline/1746820614078"]


def test_recorded_cline_folders_tell_mode_model_and_results() -> None:
    found = [item for item in read(RECORDED / "cline") if isinstance(item, Session)]

    assert {(item.source, item.mode, item.model) for item in found} == {("cline", "act", "claude-3-7-sonnet-20250219")}
    commands = [call for item in found for call in item.tool_calls if call.tool == "execute_command"]
    assert not any(call.target.endswith("REQ_APP") for call in commands)
    assert sum(call.result is not None for call in commands) == 23


def test_recorded_calls_find_their_twins_in_the_history() -> None:
    """Without a result are children that had not returned or returned in words, and what was condensed away."""
    condensed = ("ac8aa7b4", "e73ea764")
    found = [item for item in read(RECORDED / "roo") if isinstance(item, Session)]

    calls = [c for item in found if not item.session_id.startswith(condensed) for c in item.tool_calls]

    assert {call.tool for call in calls if call.result is None} == {"new_task", "attempt_completion"}
    assert (len(calls), sum(call.result is not None for call in calls)) == (57, 46)


def test_the_active_time_leaves_out_the_weeks_between() -> None:
    (session,) = [item for item in read(RECORDED / "roo") if item.session_id.startswith("ac8aa7b4")]

    assert isinstance(session, Session)
    assert (session.completed_at or 0) - (session.started_at or 0) == 3_415_472_312
    assert session.active_ms == 13_991_254


def test_the_recorded_costs_include_condensing() -> None:
    usd = {item.session_id[:8]: item.usage for item in read(RECORDED / "roo") if isinstance(item, Session)}

    assert round(usd["ac8aa7b4"].usd, 6) == round(5.97198 + 0.1342123125, 6)
    assert round(usd["d6a6a99a"].usd, 6) == 5.028631


def expected_of(variant: str) -> tuple[str, str, set[str]]:
    """Return the name that a variant goes under, what is made of it and why."""
    if variant.endswith("ui_messages.json"):
        return "ui_messages.json", "refused", {FOREIGN}
    if variant.endswith("api_history.jsonl"):
        return "api_conversation_history.json", "refused", {FOREIGN if "91e837de" in variant else NO_ARRAY}
    if variant.endswith("api_conversation_history.json"):
        foreign = "test-task-123" in variant
        return "api_conversation_history.json", "refused" if foreign else "ok", {FOREIGN} if foreign else set()
    bom = "99d00dc" in variant
    return "task_metadata.json", "ok-with-bom" if bom else "ok", {BOM} if bom else set()


def test_every_edge_variant_is_read_or_refused_with_the_reason(tmp_path: Path) -> None:
    variants = sorted((RECORDED / "roo-edge-variants").iterdir())
    assert len(variants) == 53

    for variant in variants:
        name, status, reasons = expected_of(variant.name)
        folder = tmp_path / variant.name
        folder.mkdir()
        (folder / name).write_bytes(variant.read_bytes())

        found = read_folder(folder)

        (file,) = [file for file in found.files if file.name == name]
        assert (file.status, {issue.reason for issue in found.issues if issue.file == name}) == (status, reasons)
        assert isinstance(found, Session) == (status == "ok" and name != "task_metadata.json"), variant.name


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
