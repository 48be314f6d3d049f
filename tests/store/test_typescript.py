"""The TypeScript client on the same server: it reads what Python promoted, as a user who may only SELECT."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from g6o_eval.artifact import Artifact, Lineage
from g6o_eval.steps.grants import User, apply, statements
from g6o_eval.store.address import parse_address
from g6o_eval.store.choose import open_store
from g6o_eval.store.ledger import Order, record_promotion
from g6o_eval.store.port import Store
from g6o_eval.store.schema import HARNESS, migrate
from support.dolt_server import DoltServer

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "clients" / "typescript"
PROMOTIONS = 60
AWAY_SECONDS = 0.3
EXACT = "  first\r\nline é😀 \\ ' \" `\t\u2028 {field}\n"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which node and the client's packages are found; installed once."""
    done = subprocess.run([ROOT / "tools" / "node"], stdout=subprocess.PIPE, text=True, check=True)
    environment = os.environ | {"PATH": os.pathsep.join([done.stdout.strip(), os.environ["PATH"]])}
    with FileLock(tmp_path_factory.getbasetemp().parent / "npm.lock"):
        if not (CLIENT / "node_modules" / ".package-lock.json").exists():
            subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=CLIENT, env=environment, check=True)
    return environment


@pytest.fixture
def store(server_url: str, tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(server_url, root=tmp_path)) as opened:
        migrate(opened, HARNESS)
        yield opened


def promote(store: Store, name: str, texts: dict[str, str], *, expected: str | None = None) -> str:
    made = Artifact(
        eval_name=name, program=repr(sorted(texts.items())), texts=texts, rendered="r", module_name="M",
        signature_name="S",
        lineage=Lineage(data_commit="d", git_commit=None, dspy_version="3.4.1", g6o_version="0.1.0"),
    )  # fmt: skip
    record_promotion(store, made, Order(by="Ada"), run_id="01JD8Z0000000000000000000A", expected_live=expected)
    return made.program_digest


def numbered(number: int) -> dict[str, str]:
    text = f"text {number}\n" + f"line {number}\n" * 500
    return {"race:one": text, "race:two": text}


def prepare(store: Store) -> None:
    promote(store, "exact", {"exact:text": EXACT})
    promote(store, "cards", {"card-exit:c:depth-1": "by depth", "card-exit:c": "generic"})
    with store.change("What a daemon writes") as change:
        change.execute(
            "INSERT INTO compiled_prompts VALUES "
            "('card-exit:c:formula-f', 'M', 'S', ' \n', '2026-01-02 03:04:05', '3.4.1')"
        )
        change.execute(
            "CREATE TABLE diagnosis_classifications (session_id VARCHAR(100) NOT NULL PRIMARY KEY, "
            "category VARCHAR(64), confidence DOUBLE, evidence TEXT, classified_at DATETIME, "
            "classifier_version VARCHAR(32))"
        )
        change.execute(
            "INSERT INTO diagnosis_classifications VALUES "
            "('ses_1', 'infinite_retry', 0.75, 'the same command, 14 times', '2026-01-02 03:04:05', 'v1')"
        )


def make_reader(server: DoltServer, database: str) -> str:
    name = f"reader_{database}"
    server.run(f"CREATE USER '{name}'@'%'")
    user = User(name, "%")
    apply(parse_address(server.url(database)), user, statements("reader", user, database))
    return name


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "vitest ended before its last test began"
        assert time.monotonic() < until, "vitest did not begin its last test"
        time.sleep(0.02)


def vitest(name: str, report: Path) -> list[str]:
    """Return the command that runs one file of live/, which reports into a file."""
    how = ["--config", "vitest.live.config.ts", "--reporter=json", "--reporter=default", f"--outputFile.json={report}"]
    return ["npx", "vitest", "run", f"live/{name}", *how]


def all_passed(report: Path, count: int) -> bool:
    """Return whether so many tests passed, and none failed or was skipped."""
    done = json.loads(report.read_text())
    return bool(done["numPassedTests"] == done["numTotalTests"] == count)


def test_it_reads_what_python_promoted_also_while_promotions_run(
    dolt_server: DoltServer, database: str, store: Store, tmp_path: Path, node: dict[str, str]
) -> None:
    prepare(store)
    live = promote(store, "race", numbered(1))
    started, report = tmp_path / "started", tmp_path / "report.json"
    variables = {
        "G6O_LIVE_HOST": "127.0.0.1", "G6O_LIVE_PORT": str(dolt_server.port), "G6O_LIVE_DATABASE": database,
        "G6O_LIVE_USER": make_reader(dolt_server, database), "G6O_LIVE_EXACT": EXACT,
        "G6O_LIVE_LAST": str(PROMOTIONS), "G6O_LIVE_STARTED": str(started),
    }  # fmt: skip

    with subprocess.Popen(
        vitest("server.test.ts", report), cwd=CLIENT, env=node | variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            wait_for(started, process)
            for number in range(2, PROMOTIONS + 1):
                live = promote(store, "race", numbered(number), expected=live)
            said, _ = process.communicate(timeout=120)
        except BaseException:
            process.kill()
            raise

    assert process.returncode == 0, said
    assert all_passed(report, 10)
    assert f"of {PROMOTIONS} promotions seen" in said


def test_it_trusts_only_the_certificate_that_it_was_told_to(tmp_path: Path, node: dict[str, str]) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not on PATH")
    key, certificate, report = (tmp_path / name for name in ("tls.key", "tls.crt", "report.json"))
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(["openssl", *made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = DoltServer(tmp_path / "own", listener=f"  tls_key: {key}\n  tls_cert: {certificate}\n")
    server.start()
    server.run("CREATE DATABASE evals")
    variables = {"G6O_LIVE_PORT": str(server.port), "G6O_LIVE_CA": str(certificate)}

    done = subprocess.run(
        vitest("tls.test.ts", report), cwd=CLIENT, env=node | variables, capture_output=True, text=True, check=False
    )
    server.kill()

    assert done.returncode == 0, done.stdout + done.stderr
    assert all_passed(report, 2)


def test_it_says_unavailable_while_a_server_hangs_or_is_away_and_finds_it_again(
    tmp_path: Path, node: dict[str, str]
) -> None:
    server, report = DoltServer(tmp_path / "own"), tmp_path / "report.json"
    kill, back = tmp_path / "kill", tmp_path / "back"
    server.start()
    try:
        server.run("CREATE DATABASE evals")
        with closing(open_store(server.url("evals"), root=tmp_path)) as store:
            migrate(store, HARNESS)
            promote(store, "exact", {"exact:text": "as promoted"})
        variables = {
            "G6O_LIVE_PORT": str(server.port), "G6O_LIVE_PID": str(server.pid), "G6O_LIVE_KILL": str(kill),
            "G6O_LIVE_BACK": str(back),
        }  # fmt: skip

        with subprocess.Popen(
            vitest("restart.test.ts", report), cwd=CLIENT, env=node | variables, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                wait_for(kill, process)
                server.kill()
                time.sleep(AWAY_SECONDS)
                server.start()
                back.touch()
                said, _ = process.communicate(timeout=60)
            except BaseException:
                process.kill()
                raise
    finally:
        server.kill()

    assert process.returncode == 0, said
    assert all_passed(report, 2)


def test_its_lock_names_no_registry() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text())

    packages = [package for name, package in lock["packages"].items() if name]
    assert len(packages) > 50
    assert [package for package in packages if "resolved" in package] == []
    assert [package for package in packages if not package["integrity"].startswith("sha512-")] == []
