"""A transcript of the size that real sessions have: their prices, pauses, thoughts and long texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from g6o_eval.fleet.made_up import profile
from g6o_eval.fleet.made_up.profile import Spread
from g6o_eval.fleet.made_up.transcript import Transcript
from g6o_eval.fleet.session import SessionStatus

_POOL_CHARS = 1 << 20
_HOUR_MS = 3_600_000
_STATUS: Mapping[str, SessionStatus] = {
    "resume_task": "interrupted",
    "api_req_failed": "failed",
    "mistake_limit_reached": "failed",
}
"""What the interface's last question says of the end."""


class Text:
    """Made-up text, cut from one pool: of any length, and as quick to make as to copy."""

    def __init__(self, rng: Random) -> None:
        words = [f"{rng.choice(_SYLLABLES)}{rng.choice(_SYLLABLES)}" for _ in range(400)]
        lines = (" ".join(rng.choices(words, k=rng.randrange(2, 14))) for _ in range(_POOL_CHARS // 48))
        self._pool = "\n".join(f"{'    ' * rng.randrange(3)}{line}" for line in lines)

    def draw(self, rng: Random, spread: Spread, scale: float = 1.0) -> str:
        """Return a text of a length that is drawn."""
        size, parts = spread.draw(rng, scale), []
        while size > 0:
            start = rng.randrange(len(self._pool) // 2)
            parts.append(self._pool[start : start + size])
            size -= len(parts[-1])
        return "".join(parts)


_SYLLABLES = ("al", "ber", "con", "dra", "eli", "for", "gen", "hin", "ima", "jor", "kel", "lum", "mor", "nex", "par")


class Recording(Transcript):
    """A session that is being acted out at its real size, and what is true of it so far.

    Attributes:
        text: where its texts come from.
        scale: stretches all texts.
        usd: sum of its prices.
        requests: started.
        without_cost: requests without a price.
        calls: tool calls.
        status: how it ends.
    """

    def __init__(self, session_id: str, rng: Random, *, start_ms: int, mode: str, text: Text) -> None:
        self._prices = rng.choice(profile.MODELS)
        super().__init__(session_id, rng, start_ms=start_ms, mode=mode, model=self._prices[0])
        self.text, self.scale = text, 1.0
        self.usd, self.requests, self.without_cost, self.calls = 0.0, 0, 0, 0
        self.status: SessionStatus = "unknown"
        self._context = profile.CONTEXT_START

    def think(self) -> None:
        """What the model thinks before it speaks."""
        if self._rng.random() < 0.89:
            self._event("say", "reasoning", self.text.draw(self._rng, profile.REASONING, self.scale))
            self._ui[-1]["partial"] = self._rng.random() < profile.STILL_PARTIAL

    def checkpoint(self) -> None:
        """The extension saves the workspace."""
        commit = f"{self._rng.getrandbits(160):040x}"
        self._event("say", "checkpoint_saved", commit)
        self._ui[-1]["checkpoint"] = {"from": f"{self._rng.getrandbits(160):040x}", "to": commit}

    def rest(self) -> None:
        """Nobody is there for hours or days; then it goes on."""
        self._event("ask", "resume_task", "")
        self.now += self._rng.randrange(2 * _HOUR_MS, 60 * _HOUR_MS)
        self.feedback("Go on.")

    def call(self, tool: str, args: Mapping[str, Any], result: str, *, reached: bool = True) -> None:
        """See Transcript.call; a server's answer is seen in the interface too."""
        super().call(tool, args, result, reached=reached)
        if reached and ":" in tool:
            self._event("say", "mcp_server_request_started", "")
            self._event("say", "mcp_server_response", result)

    def end(self, kind: str, text: str = "") -> None:
        """See Transcript.end."""
        super().end(kind, text)
        self.status = _STATUS.get(kind, "unknown")

    def complete(self, report: str, *, child: bool) -> None:
        """See Transcript.complete."""
        super().complete(report, child=child)
        self.calls += child  # a child asks for leave to return, which is a call
        self.status = "completed"

    def condense(self, summary: str) -> None:
        """See Transcript.condense."""
        super().condense(summary)
        self._context = profile.CONTEXT_AFTER
        self.usd += self._ui[-1]["contextCondense"]["cost"]

    def cancel(self) -> None:
        """See Transcript.cancel."""
        self._request()
        self.status = "interrupted"
        # Its price and its end stand at its beginning, before what it thought until then.
        started = next(event for event in reversed(self._ui) if event.get("say") == "api_req_started")
        started["text"] = _json({**json.loads(started["text"]), "cancelReason": "user_cancelled"})

    def die(self) -> None:
        """A last request that nobody ever heard of again."""
        self._turn()
        self.status = "interrupted"
        self.requests, self.without_cost = self.requests + 1, self.without_cost + 1
        self._event("say", "api_req_started", _json({"apiProtocol": "anthropic"}))

    def _called(self, tool: str, args: Mapping[str, Any], *, reached: bool = True) -> None:
        self.calls += 1
        super()._called(tool, args, reached=reached)

    def _request(self) -> None:
        if self._results and self.requests:
            self._results.append(self._environment())
        self._turn()
        first, self.requests = not self.requests, self.requests + 1
        self._context += self._rng.randrange(*profile.CONTEXT_STEP)
        if self._context > profile.CONTEXT_LIMIT:
            self.condense(self.text.draw(self._rng, profile.DIFF))
        sent, got = self._context, profile.TOKENS_OUT.draw(self._rng)
        cached = 0 if first else int(sent * profile.CACHED)
        request = {"apiProtocol": "anthropic", "tokensIn": sent, "tokensOut": got, "cacheWrites": 0}
        started: dict[str, Any] = {**request, "cacheReads": cached, "inferenceProvider": "Amazon Bedrock"}
        if self._rng.random() < profile.NO_COST:
            self.without_cost += 1
        else:
            _, price_in, price_out, price_cached = self._prices
            started["cost"] = ((sent - cached) * price_in + got * price_out + cached * price_cached) / 1e6
            self.usd += started["cost"]
        self._event("say", "api_req_started", _json(started))
        self.think()

    def _environment(self) -> dict[str, Any]:
        block = super()._environment()
        tabs = self.text.draw(self._rng, profile.ENVIRONMENT, self.scale)
        block["text"] = block["text"].replace("# Current Mode", f"# VSCode Open Tabs\n{tabs}\n\n# Current Mode", 1)
        return block

    def _pause(self) -> int:
        return 0 if self._rng.random() < profile.SAME_TS else profile.PAUSE_MS.draw(self._rng)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
