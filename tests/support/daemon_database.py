"""A database as the agents' daemon leaves it: its DDL, and 2,560 punches with every fault that is known."""

from __future__ import annotations

from support.dolt_server import DoltServer

START = "2026-02-20 10:{:02d}:{:02d}"
TYPES = (
    "'tool_call','command_exec','mcp_call','gate_pass','gate_fail','child_spawn','child_complete',"
    "'cost_checkpoint','step_complete'"
)
SESSIONS = [f"019c6cad-ab04-729d-8d06-{n:012x}" for n in range(54)]
REPLAYED = "ses_replayed"
LAST_TURN, KILLED = SESSIONS[11], SESSIONS[23]
"""Sessions with steps that have a price: of one the daemon keeps the last, the other was killed, and paid twice."""
DDL = (
    f"CREATE TABLE punches (punch_id INT AUTO_INCREMENT PRIMARY KEY, task_id VARCHAR(50) NOT NULL, "
    f"punch_type ENUM({TYPES},'governor_kill','session_lifecycle','message') NOT NULL, "
    "punch_key VARCHAR(200) NOT NULL, observed_at DATETIME NOT NULL, source_hash CHAR(64) NOT NULL, "
    "cost DECIMAL(10,6), tokens_input INT, "
    "tokens_output INT, tokens_reasoning INT, UNIQUE KEY (source_hash), KEY (task_id, punch_type))",
    f"CREATE TABLE punch_cards (card_id VARCHAR(50) NOT NULL, workflow_name VARCHAR(50) NOT NULL, "
    f"punch_type ENUM({TYPES}) NOT NULL, punch_key_pattern VARCHAR(200) NOT NULL, required BOOLEAN DEFAULT TRUE, "
    "forbidden BOOLEAN DEFAULT FALSE, enforced BOOLEAN DEFAULT FALSE, description VARCHAR(200), "
    "PRIMARY KEY (card_id, punch_type, punch_key_pattern))",
    "CREATE TABLE checkpoints (checkpoint_id INT AUTO_INCREMENT PRIMARY KEY, task_id VARCHAR(50) NOT NULL, "
    "card_id VARCHAR(50) NOT NULL, status ENUM('pass','fail') NOT NULL, validated_at DATETIME NOT NULL, "
    "dolt_commit_hash CHAR(40), missing_punches TEXT)",
    "CREATE TABLE tasks (task_id VARCHAR(50) PRIMARY KEY, parent_task_id VARCHAR(50), mode VARCHAR(30) NOT NULL, "
    "model VARCHAR(50) NOT NULL DEFAULT 'unknown', status ENUM('running','completed','failed','abandoned') NOT NULL "
    "DEFAULT 'running', cost_usd DECIMAL(10,4) NOT NULL DEFAULT 0, started_at DATETIME NOT NULL, "
    "completed_at DATETIME, punch_card_id VARCHAR(50))",
    "CREATE TABLE sessions (session_id VARCHAR(128) PRIMARY KEY, task_id VARCHAR(50), mode VARCHAR(50), "
    "model VARCHAR(100), status VARCHAR(30) DEFAULT 'running', total_cost DECIMAL(10,6), started_at DATETIME, "
    "completed_at DATETIME, outcome VARCHAR(200))",
    "CREATE TABLE tool_calls (call_id INT AUTO_INCREMENT PRIMARY KEY, session_id VARCHAR(128), tool_name VARCHAR(100), "
    "args_summary TEXT, status VARCHAR(20), error TEXT, ts BIGINT NOT NULL)",
    "CREATE TABLE messages (message_id INT AUTO_INCREMENT PRIMARY KEY, session_id VARCHAR(128), role VARCHAR(20), "
    "content_preview TEXT, ts BIGINT NOT NULL, UNIQUE KEY (session_id, ts, role))",
    "CREATE TABLE child_rels (parent_id VARCHAR(128), child_id VARCHAR(128), PRIMARY KEY (parent_id, child_id))",
)
_KEYS = (
    ("tool_call", "readFile"), ("tool_call", "read_file"), ("tool_call", "read"), ("tool_call", "appliedDiff"),
    ("tool_call", "edit"), ("command_exec", "git status"), ("command_exec", "bash"),
    ("mcp_call", "augment-context-engine:codebase-retrieval"), ("mcp_call", "codebase___retrieval"),
    ("gate_pass", "pytest"), ("child_spawn", "code"), ("step_complete", "step_finished"),
)  # fmt: skip


def seed_daemon(server: DoltServer, database: str) -> None:
    """Make the daemon's tables with their rows, and leave the rows uncommitted, as the daemon does."""
    server.run(*DDL, "CALL DOLT_COMMIT('-Am', 'init')", database=database)
    server.run(_punches(), *_others(), database=database)


def _punches() -> str:
    rows = []
    for n in range(2_500):
        kind, key = _KEYS[n % len(_KEYS)]
        cost = "0.01" if kind == "step_complete" else "NULL"
        rows.append(_row(SESSIONS[n % 54], kind, key, n, cost))
    rows += [_row(REPLAYED, "tool_call", "grep", n, "NULL", at="2026-02-21 09:00:00") for n in range(3_000, 3_040)]
    rows += [
        _row(SESSIONS[0], "message", "text_response", n, "NULL", at="2026-02-20 11:00:00") for n in range(4_000, 4_018)
    ]
    rows.append(_row("unknown", "session_lifecycle", "session_idle", 5_000, "NULL"))
    rows.append(_row(KILLED, "governor_kill", "cost_overflow", 5_001, "0.23"))
    assert len(rows) == 2_560
    columns = "task_id, punch_type, punch_key, observed_at, source_hash, cost"
    return f"INSERT INTO punches ({columns}) VALUES {', '.join(rows)}"


def _row(task_id: str, kind: str, key: str, n: int, cost: str, at: str | None = None) -> str:
    at = at or START.format(n // 54 % 60, n % 54)
    return f"('{task_id}', '{kind}', '{key}', '{at}', '{n:064x}', {cost})"


def _others() -> list[str]:
    (one, two, three), day = SESSIONS[:3], "2026-02-20"
    theirs = '{"missing":["gate_pass:pytest"],"violations":["tool_call:edit_file% (3x)"]}'
    ours = '[{"punch_type":"gate_pass","punch_key_pattern":"mypy","description":"types"}]'
    return [
        "INSERT INTO punch_cards VALUES ('own-card', 'own', 'gate_pass', 'pytest', TRUE, FALSE, FALSE, NULL), "
        "('own-card', 'own', 5 - 4, 'edit_file%', TRUE, TRUE, NULL, 'no edits')",
        "INSERT INTO checkpoints (task_id, card_id, status, validated_at, missing_punches) VALUES "
        f"('{one}', 'own-card', 'fail', '2026-02-20 12:00:00', '{theirs}'), "
        f"('{one}', 'own-card', 'pass', '2026-02-20 13:00:00', NULL), "
        f"('{two}', 'own-card', 'fail', '2026-02-20 12:00:00', '{ours}')",
        "INSERT INTO tasks (task_id, mode, status, cost_usd, started_at) VALUES "
        f"('{one}', 'code', 'abandoned', 0.01, '{day} 10:00:00'), "
        f"('{KILLED}', 'code', 'failed', 0.46, '{day} 10:00:00')",
        f"INSERT INTO sessions VALUES ('{one}', '{one}', NULL, 'm', 'running', 0.010000, NULL, NULL, 'stop'), "
        f"('{LAST_TURN}', '{LAST_TURN}', 'code', 'm', 'running', 0.010000, NULL, NULL, 'stop')",
        "INSERT INTO tool_calls (session_id, tool_name, args_summary, status, ts) VALUES "
        f"('{one}', 'read', '{{\"a\":1}}', 'completed', 1), ('{one}', 'read', '{{\"a\":1}}', 'completed', 2)",
        f"INSERT INTO messages (session_id, role, content_preview, ts) VALUES ('{one}', 'assistant', 'I', 1)",
        f"INSERT INTO child_rels VALUES ('{one}', 'code'), ('{one}', 'general'), ('{one}', '{three}'), "
        f"('{two}', '{two}')",
    ]
