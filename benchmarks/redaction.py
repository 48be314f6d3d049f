"""Secrets: recall on a planted corpus, false positives on harmless texts and on real task folders, and time.

    python benchmarks/redaction.py                          both corpora, 200 of each kind, seed 7
    python benchmarks/redaction.py --folders PATH [PATH …]  and the texts of the task folders below PATH
    python benchmarks/redaction.py --rival                  and detect-secrets 1.5, when it is installed

A secret counts as found when no 8 characters of it in a row are left; a harmless text as hit when anything
in it was replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from g6o_eval.redact import find_secrets, redact  # noqa: E402
from support.planted_secrets import Planted, harmless, planted  # noqa: E402 - needs the path above

LEFT = 8
"""Characters of a secret in a row that may not be left."""
Redactor = Callable[[str], str]


def leaks(one: Planted, redacted: str) -> bool:
    """Say whether a recognisable piece of a secret is left in a redacted text."""
    pieces = (one.secret[at : at + LEFT] for at in range(len(one.secret) - LEFT + 1))
    return any(piece in redacted for piece in pieces)


def measure(name: str, redactor: Redactor, *, seed: int, each: int) -> None:
    """Print recall and false positives of one redactor, and the kinds that it is bad at."""
    corpus, texts = list(planted(seed, each=each)), list(harmless(seed, each=each))
    started = time.process_time()
    missed = Counter(one.kind for one in corpus if leaks(one, redactor(one.text)))
    hit = Counter(kind for kind, text in texts if redactor(text) != text)
    seconds = time.process_time() - started
    print(f"{name}: recall {1 - missed.total() / len(corpus):.4f} (n={len(corpus)}), "
          f"false positives {hit.total() / len(texts):.4f} (n={len(texts)}), {seconds:.2f} s CPU")  # fmt: skip
    print(f"  missed of {each}: {dict(missed.most_common()) or 'none'}")
    print(f"  harmless hit of {each}: {dict(hit.most_common()) or 'none'}")


def texts_below(path: Path) -> Iterator[str]:
    """Yield every text of the JSON files below a path."""
    for file in sorted(path.rglob("*.json")):
        try:
            yield from _texts(orjson.loads(file.read_bytes()))
        except orjson.JSONDecodeError:
            yield file.read_text(errors="replace")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def survey(paths: list[Path], *, show: bool) -> None:
    """Print what is redacted in real folders, by kind; and what of it looks like a hash or an id."""
    kinds: Counter[str] = Counter()
    doubtful = characters = replaced = 0
    started = time.process_time()
    for text in (text for path in paths for text in texts_below(path)):
        characters += len(text)
        for secret in find_secrets(text):
            found = text[secret.start : secret.end]
            kinds[secret.kind] += 1
            replaced += len(found)
            doubtful += bool(re.fullmatch(r"[0-9a-f]{7,64}|[0-9a-f-]{36}", found))
            if show:
                print(
                    f"    {secret.kind}: {text[max(0, secret.start - 30) : secret.start]!r} + {len(found)} characters"
                )
    seconds = time.process_time() - started
    print(f"folders: {characters / 1e6:.1f} M characters, {kinds.total()} redacted ({dict(kinds.most_common())}), "
          f"{replaced / max(characters, 1):.2e} of the text; {doubtful} look like a hash or an id; "
          f"{characters / 1e6 / max(seconds, 1e-9):.1f} M characters/s")  # fmt: skip


def rival() -> Redactor:
    """Return the plugins of detect-secrets as a redactor, line by line, but for those that go by entropy."""
    classes = import_module("detect_secrets.core.plugins.util").get_mapping_from_secret_type_to_class().values()
    plugins = [plugin() for plugin in classes if "Entropy" not in plugin.__name__]

    def redacted(text: str) -> str:
        for number, line in enumerate(text.splitlines(), start=1):
            for plugin in plugins:
                for secret in plugin.analyze_line(filename="x", line=line, line_number=number):
                    text = text.replace(secret.secret_value or "\0", "[redacted]")
        return text

    return redacted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, help="texts of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folders", nargs="*", type=Path, default=[])
    parser.add_argument("--show", action="store_true", help="what stands before each redacted place of the folders")
    parser.add_argument("--rival", action="store_true")
    given = parser.parse_args()
    measure("g6o_eval", redact, seed=given.seed, each=given.each)
    if given.rival:
        measure("detect-secrets", rival(), seed=given.seed, each=given.each)
    if given.folders:
        survey(given.folders, show=given.show)


if __name__ == "__main__":
    main()
