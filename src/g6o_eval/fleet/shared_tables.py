"""The tables that the agents' daemon keeps too, under its names and columns.

Absent, they are made in a form that both programs can write: what the daemon numbers by itself
(`punch_id`, `checkpoint_id`) may stay NULL, and the key is what it looks for before it inserts.
Present, the daemon's own stand as they are but for columns that are added and types that are widened.

Rows of ours in `punches` have a `file`: the daemon's have none. Their `source_hash` is the SHA-256 of
`g6o:<session>:<file>:<index>:<part>:<punch type>`, the place of the deed in its source: the same deed
read twice is one row, two deeds of one millisecond are two. It never meets the daemon's hashes, which
are made of whole events.
"""

from __future__ import annotations

from g6o_eval.store.schema import Continued, Migration

PUNCH_TYPES = (
    "tool_call", "command_exec", "mcp_call", "gate_pass", "gate_fail", "child_spawn", "child_complete",
    "cost_checkpoint", "step_complete", "governor_kill", "session_lifecycle", "message",
)  # fmt: skip
"""In the daemon's order: an ENUM is stored by place, and its first nine are older than the rest."""
_TYPES = "ENUM({}) NOT NULL".format(", ".join(f"'{each}'" for each in PUNCH_TYPES))
_ALL_TYPES = r"^varchar|^(?:text|longtext)|(?=.*'governor_kill')(?=.*'session_lifecycle')(?=.*'message')"
_ID, _LONG_ID = "VARCHAR(128) NOT NULL", r"varchar\((?:12[89]|1[3-9]\d|[2-9]\d\d|\d{4,})\)|text"

_PUNCHES = """
CREATE TABLE IF NOT EXISTS punches (
    punch_id BIGINT,
    task_id VARCHAR(128) NOT NULL,
    punch_type VARCHAR(32) NOT NULL,
    punch_key VARCHAR(200) NOT NULL,
    observed_at DATETIME NOT NULL,
    source_hash VARCHAR(64) NOT NULL,
    cost DOUBLE,
    tokens_input BIGINT,
    tokens_output BIGINT,
    tokens_reasoning BIGINT,
    ts BIGINT,
    file VARCHAR(100),
    source_index BIGINT,
    part BIGINT,
    PRIMARY KEY (task_id, source_hash),
    UNIQUE (source_hash)
)
"""
_PUNCH_CARDS = """
CREATE TABLE IF NOT EXISTS punch_cards (
    card_id VARCHAR(50) NOT NULL,
    workflow_name VARCHAR(50) NOT NULL,
    punch_type VARCHAR(32) NOT NULL,
    punch_key_pattern VARCHAR(200) NOT NULL,
    required BOOLEAN NOT NULL DEFAULT 1,
    forbidden BOOLEAN NOT NULL DEFAULT 0,
    enforced BOOLEAN NOT NULL DEFAULT 0,
    description VARCHAR(200),
    PRIMARY KEY (card_id, punch_type, punch_key_pattern)
)
"""
_CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS checkpoints (
    checkpoint_id BIGINT,
    task_id VARCHAR(128) NOT NULL,
    card_id VARCHAR(50) NOT NULL,
    status VARCHAR(10) NOT NULL,
    validated_at DATETIME NOT NULL,
    dolt_commit_hash VARCHAR(40),
    missing_punches LONGTEXT,
    violations LONGTEXT,
    PRIMARY KEY (task_id, card_id)
)
"""
_HISTORY = """
CREATE TABLE checkpoint_history (
    task_id VARCHAR(128) NOT NULL,
    card_id VARCHAR(50) NOT NULL,
    seq BIGINT NOT NULL,
    status VARCHAR(10) NOT NULL,
    validated_at DATETIME NOT NULL,
    missing_punches LONGTEXT,
    violations LONGTEXT,
    PRIMARY KEY (task_id, card_id, seq)
)
"""
_TASKS = """
CREATE TABLE IF NOT EXISTS tasks (
    task_id VARCHAR(128) NOT NULL PRIMARY KEY,
    parent_task_id VARCHAR(128),
    mode VARCHAR(100) NOT NULL,
    model VARCHAR(200) NOT NULL DEFAULT 'unknown',
    status VARCHAR(20) NOT NULL DEFAULT 'running',
    cost_usd DOUBLE NOT NULL DEFAULT 0,
    started_at DATETIME NOT NULL,
    completed_at DATETIME,
    punch_card_id VARCHAR(50),
    bead_id VARCHAR(100)
)
"""
_CHILD_RELS = """
CREATE TABLE IF NOT EXISTS child_rels (
    parent_id VARCHAR(128) NOT NULL,
    child_id VARCHAR(128) NOT NULL,
    method VARCHAR(20),
    confidence DOUBLE,
    PRIMARY KEY (parent_id, child_id)
)
"""
_EVENTS = """
CREATE TABLE IF NOT EXISTS raw_sse_events (
    source_hash VARCHAR(64) NOT NULL PRIMARY KEY,
    session_id VARCHAR(128) NOT NULL,
    event_type VARCHAR(100) NOT NULL,
    event_ts DATETIME,
    observed_at DATETIME NOT NULL,
    payload_json LONGTEXT NOT NULL
)
"""
_DIAGNOSES = """
CREATE TABLE IF NOT EXISTS diagnosis_classifications (
    session_id VARCHAR(100) NOT NULL PRIMARY KEY,
    category VARCHAR(64) NOT NULL,
    confidence DOUBLE NOT NULL,
    evidence LONGTEXT NOT NULL,
    classified_at DATETIME NOT NULL,
    classifier_version VARCHAR(32) NOT NULL
)
"""

MIGRATION = Migration(
    owner="g6o_eval.fleet",
    number=3,
    name="punches, cards and checkpoints, beside the daemon's own or instead of them",
    statements=(_PUNCHES, _PUNCH_CARDS, _CHECKPOINTS, _HISTORY, _TASKS, _CHILD_RELS, _EVENTS, _DIAGNOSES),
    continued=(
        Continued(
            table="punches",
            columns={
                "cost": "DOUBLE", "tokens_input": "BIGINT", "tokens_output": "BIGINT", "tokens_reasoning": "BIGINT",
                "ts": "BIGINT", "file": "VARCHAR(100)", "source_index": "BIGINT", "part": "BIGINT",
            },
            wider={"punch_type": (_TYPES, _ALL_TYPES), "task_id": (_ID, _LONG_ID)},
        ),
        Continued(
            table="punch_cards",
            columns={"enforced": "BOOLEAN NOT NULL DEFAULT 0", "description": "VARCHAR(200)"},
            wider={"punch_type": (_TYPES, _ALL_TYPES)},
        ),
        Continued(
            table="checkpoints",
            columns={"dolt_commit_hash": "VARCHAR(40)", "missing_punches": "LONGTEXT", "violations": "LONGTEXT"},
            wider={"task_id": (_ID, _LONG_ID)},
        ),
        Continued(
            table="tasks",
            columns={"punch_card_id": "VARCHAR(50)", "bead_id": "VARCHAR(100)"},
            wider={
                "task_id": (_ID, _LONG_ID),
                "parent_task_id": ("VARCHAR(128)", _LONG_ID),
                "mode": ("VARCHAR(100) NOT NULL", r"varchar\([1-9]\d\d+\)|text"),
                "model": ("VARCHAR(200) NOT NULL DEFAULT 'unknown'", r"varchar\([2-9]\d\d+\)|text"),
            },
        ),
        Continued(table="child_rels", columns={"method": "VARCHAR(20)", "confidence": "DOUBLE"}),
    ),
)  # fmt: skip
