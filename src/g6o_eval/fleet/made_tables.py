"""Tables of what was made out of sessions, and of what an import remembers, as numbered migrations.

Every session of pytest that opens a store imports them, so nothing that reads a log is imported here:
what fills these tables stands in recovery_case.py, ingest/state.py and outcome_tables.py.
"""

from __future__ import annotations

from g6o_eval.store.schema import Migration

_CASES = """
CREATE TABLE recovery_cases (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    task LONGTEXT NOT NULL,
    summary LONGTEXT NOT NULL,
    tool_activity LONGTEXT NOT NULL,
    failing_tool VARCHAR(200) NOT NULL,
    last_error LONGTEXT NOT NULL,
    retry_count BIGINT NOT NULL,
    repeated LONGTEXT NOT NULL,
    files LONGTEXT NOT NULL,
    limits VARCHAR(200) NOT NULL,
    kill_reason LONGTEXT NOT NULL
)
"""
CASES = Migration(owner="g6o_eval.fleet", number=2, name="the facts that a recovery may be told", statements=(_CASES,))

# A session may be found in several places, live and in copies: each look of each place is a row.
_STATE = """
CREATE TABLE import_state (
    session_id VARCHAR(128) NOT NULL,
    stamp VARCHAR(64) NOT NULL,
    settled BIGINT NOT NULL,
    refused VARCHAR(64),
    PRIMARY KEY (session_id, stamp)
)
"""
STATE = Migration(
    owner="g6o_eval.fleet", number=4, name="what the sources looked like when they were read", statements=(_STATE,)
)

_FACTS = """
CREATE TABLE session_facts (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    names LONGTEXT NOT NULL,
    bead_id VARCHAR(100),
    status VARCHAR(20) NOT NULL,
    killed BOOLEAN NOT NULL,
    card VARCHAR(10),
    card_given BOOLEAN NOT NULL,
    gates LONGTEXT NOT NULL,
    usd DOUBLE NOT NULL,
    requests BIGINT NOT NULL,
    active_minutes DOUBLE,
    calls BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    closing_failures BIGINT NOT NULL,
    unanswered BOOLEAN NOT NULL,
    edits BIGINT NOT NULL,
    verified BOOLEAN NOT NULL,
    mode VARCHAR(100),
    without_cost BIGINT NOT NULL,
    card_rules BIGINT NOT NULL,
    card_kept BIGINT NOT NULL,
    forbidden_calls BIGINT NOT NULL,
    children_asked BIGINT NOT NULL,
    children_returned BIGINT NOT NULL,
    todo_total BIGINT,
    todo_done BIGINT,
    claim_required BIGINT,
    claim_wrong BIGINT
)
"""
_OUTCOMES = """
CREATE TABLE session_outcomes (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    outcome VARCHAR(20) NOT NULL,
    rule VARCHAR(64) NOT NULL,
    rules_version VARCHAR(20) NOT NULL
)
"""
_PAIRS = """
CREATE TABLE recovery_pairs (
    stopped_id VARCHAR(128) NOT NULL PRIMARY KEY,
    recovery_id VARCHAR(128) NOT NULL,
    method VARCHAR(20) NOT NULL,
    gap_seconds DOUBLE NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    rules_version VARCHAR(20) NOT NULL,
    UNIQUE (recovery_id)
)
"""
_MEASURES = """
CREATE TABLE session_measures (
    session_id VARCHAR(128) NOT NULL,
    measure VARCHAR(40) NOT NULL,
    value DOUBLE,
    reason VARCHAR(200) NOT NULL,
    rules_version VARCHAR(20) NOT NULL,
    PRIMARY KEY (session_id, measure)
)
"""
_ORIGINS = """
CREATE TABLE classification_origins (
    session_id VARCHAR(128) NOT NULL PRIMARY KEY,
    made_by VARCHAR(10) NOT NULL,
    program_digest VARCHAR(64),
    model VARCHAR(200),
    fallback_reason LONGTEXT NOT NULL,
    classified_at VARCHAR(25) NOT NULL
)
"""
OUTCOMES = Migration(
    owner="g6o_eval.fleet",
    number=5,
    name="facts, outcomes, recovery pairs, measures, and where a classification came from",
    statements=(_FACTS, _OUTCOMES, _PAIRS, _MEASURES, _ORIGINS),
)
