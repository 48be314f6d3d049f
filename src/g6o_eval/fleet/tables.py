"""The fleet's tables, as numbered migrations. Keys are places in the sources: times repeat, places do not.

The agents' daemon keeps tables of its own in the same database (sessions, messages, tool_calls …), keyed by
time: `agent_…` are ours, so that the two stand side by side.
"""

from __future__ import annotations

from g6o_eval.fleet import made_tables, shared_tables
from g6o_eval.store.schema import Migration

_SESSIONS = """
CREATE TABLE agent_sessions (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    source VARCHAR(20) NOT NULL,
    source_digest VARCHAR(64) NOT NULL,
    parent_session_id VARCHAR(128),
    parent_method VARCHAR(20),
    root_session_id VARCHAR(128) NOT NULL,
    prompt_sha256 VARCHAR(64),
    mode VARCHAR(100),
    model VARCHAR(200),
    status VARCHAR(20) NOT NULL,
    ended_by VARCHAR(600) NOT NULL,
    total_cost DOUBLE NOT NULL,
    requests BIGINT NOT NULL,
    requests_without_cost BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_in_total BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    cache_reads BIGINT NOT NULL,
    cache_writes BIGINT NOT NULL,
    started_at BIGINT,
    completed_at BIGINT,
    active_ms BIGINT,
    workspace VARCHAR(400),
    files LONGTEXT NOT NULL
)
"""
_MESSAGES = """
CREATE TABLE agent_messages (
    session_id VARCHAR(128) NOT NULL,
    file VARCHAR(100) NOT NULL,
    source_index BIGINT NOT NULL,
    part BIGINT NOT NULL,
    ts BIGINT,
    role VARCHAR(20) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    content_preview LONGTEXT NOT NULL,
    chars BIGINT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    PRIMARY KEY (session_id, file, source_index, part)
)
"""
_TOOL_CALLS = """
CREATE TABLE agent_tool_calls (
    session_id VARCHAR(128) NOT NULL,
    file VARCHAR(100) NOT NULL,
    source_index BIGINT NOT NULL,
    part BIGINT NOT NULL,
    ts BIGINT,
    tool_name VARCHAR(200) NOT NULL,
    written_as VARCHAR(200) NOT NULL,
    target LONGTEXT NOT NULL,
    args_summary LONGTEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    error LONGTEXT,
    duration_ms BIGINT,
    exit_code BIGINT,
    PRIMARY KEY (session_id, file, source_index, part)
)
"""
_SPAWNS = """
CREATE TABLE spawns (
    session_id VARCHAR(128) NOT NULL,
    source_index BIGINT NOT NULL,
    part BIGINT NOT NULL,
    ts BIGINT,
    prompt_sha256 VARCHAR(64) NOT NULL,
    child_session_id VARCHAR(128),
    PRIMARY KEY (session_id, source_index, part)
)
"""
_ISSUES = """
CREATE TABLE import_issues (
    session_id VARCHAR(128) NOT NULL,
    file VARCHAR(100) NOT NULL,
    source_index BIGINT NOT NULL,
    reason VARCHAR(64) NOT NULL,
    detail LONGTEXT NOT NULL,
    PRIMARY KEY (session_id, file, source_index, reason)
)
"""
_DIGESTS = """
CREATE TABLE session_digests (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    tool_patterns LONGTEXT NOT NULL,
    last_messages LONGTEXT NOT NULL,
    kill_reason LONGTEXT NOT NULL,
    rule_category VARCHAR(64) NOT NULL,
    rule_confidence DOUBLE NOT NULL,
    rule_summary LONGTEXT NOT NULL
)
"""
_LABELS = """
CREATE TABLE session_labels (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    category VARCHAR(64) NOT NULL,
    source VARCHAR(200) NOT NULL
)
"""

MIGRATIONS = (
    Migration(
        owner="g6o_eval.fleet",
        number=1,
        name="sessions of agents, what was said and done in them, and what an import left out",
        statements=(_SESSIONS, _MESSAGES, _TOOL_CALLS, _SPAWNS, _ISSUES, _DIGESTS, _LABELS),
    ),
    made_tables.CASES,
    shared_tables.MIGRATION,
    made_tables.STATE,
    made_tables.OUTCOMES,
)

OF_A_SESSION = (
    "agent_messages",
    "agent_tool_calls",
    "spawns",
    "import_issues",
    "session_digests",
    "recovery_cases",
    "session_facts",
    "agent_sessions",
)
"""The tables that hold what was read of a session; session_labels holds what somebody said of it."""
