"""The downloader process beside each worker: started when first needed, reused, replaced when it dies or hangs."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import threading
from typing import Any

from pipeline.classify import classify
from pipeline.errors import Failure, Reason

TAIL_BYTES = 2000
"""How much of a dead process's last words goes into the failure."""


def ask(request: dict[str, Any], deadline_s: float) -> dict[str, Any] | Failure:
    """The reply of this worker's downloader (see downloader.py), or the failure behind its error.

    A process that dies on a request is started again once with the same one; the second death is a failure. One
    that has not answered after `deadline_s` seconds is stopped, and the next request gets a new one.
    """
    try:
        reply = _child().ask(request, deadline_s)
    except _Died:
        try:
            reply = _child().ask(request, deadline_s)
        except _Died as death:
            return Failure(death.reason, str(death))
    if "error" in reply:
        return Failure(classify(reply["error"]), reply["error"], reply["retry_after"])
    return reply


class _Died(Exception):
    """The process ended without an answer; the message says how, with the end of what it wrote."""

    def __init__(self, code: int, words: str) -> None:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        super().__init__(f"the downloader process {how}" + (f": {words}" if words else ""))
        crashed = Reason.OUT_OF_DISK if classify(words) == Reason.OUT_OF_DISK else Reason.BUG
        self.reason = Reason.KILLED if code < 0 else crashed


class _Child:
    """One running `python -m pipeline.downloader`."""

    def __init__(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process runs
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.downloader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def ask(self, request: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        late = threading.Event()
        watch = threading.Timer(deadline_s, self._stop, [late])
        watch.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if line.endswith("\n"):
            reply: dict[str, Any] = json.loads(line)
            return reply
        _child.cache_clear()
        code = self._process.wait()
        words = self._last_words()
        if late.is_set():
            error = f"timed out: not done after {deadline_s:g} s (fetch.deadline_s)" + (f"; {words}" if words else "")
            return {"error": error, "retry_after": None}
        raise _Died(code, words)

    def _stop(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def _last_words(self) -> str:
        size = self._words.seek(0, 2)
        self._words.seek(max(0, size - TAIL_BYTES))
        return self._words.read().decode(errors="replace").strip()


@functools.cache
def _child() -> _Child:
    return _Child()
