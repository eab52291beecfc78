"""All that the Python API answers, asked of one file: only RfgraphError may come of it."""

from __future__ import annotations

import contextlib
import json
import signal
import time
import unicodedata
from dataclasses import dataclass, field
from itertools import islice

import rfgraph
from rfgraph.checks.run import check
from rfgraph.errors import RfgraphError

MAX_FIELDS = 400
ACTING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class TookTooLong(BaseException):
    """Not an Exception: nothing that is probed may catch it."""


@dataclass
class Verdict:
    """What came of a file: which parts answered, which refused and why, and what escaped."""

    answers: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    escaped: dict[str, BaseException] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def loaded(self):
        return "load" in self.answers

    @property
    def refusal(self):
        """Why it was not loaded, None if it was."""
        return self.refusals.get("load")


@contextlib.contextmanager
def limited(seconds):
    """Raise TookTooLong after so many seconds of this process's own time, 0 for never."""

    def stop(_signal, frame):
        if frame is not None and frame.f_code.co_name == "gc_callback":
            # What is raised in a callback of the garbage collector is lost: a little later.
            signal.setitimer(signal.ITIMER_PROF, 0.01)
            return
        raise TookTooLong(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def acts(text):
    """Whether a text has a character on which a terminal acts, or more than one line."""
    return (not text.isascii() and any(unicodedata.category(c) in ACTING for c in text)) or (
        text.isascii() and not text.isprintable()
    )


class _Probe:
    def __init__(self):
        self.verdict = Verdict()

    def ask(self, part, question, *arguments):
        """Ask one question and note how it ended; return the answer, None if there is none."""
        try:
            answer = question(*arguments)
        except RfgraphError as error:
            text = str(error)
            if acts(text) or len(text) > 2000:
                self.verdict.escaped[part] = AssertionError(f"not one clean line: {text[:300]!r}")
            self.verdict.refusals[part] = text
        except (Exception, TookTooLong) as error:
            self.verdict.escaped[part] = error
        else:
            self.verdict.answers.append(part)
            return answer
        return None


def probe(source, seconds=10.0, **binding):
    """Ask everything of `source`; each question has `seconds`."""
    found = _Probe()
    start = time.process_time()
    with limited(seconds):
        model = found.ask("load", lambda: rfgraph.load(source, **binding))
    if model is not None:
        with limited(seconds):
            result = found.ask("analyze", rfgraph.analyze, model)
        if result is not None:
            for part, question in _questions(result):
                with limited(seconds):
                    found.ask(part, question)
    found.verdict.seconds = time.process_time() - start
    return found.verdict


def _questions(result):
    outputs = list(dict.fromkeys(result.model.outputs))[:3]
    inputs = [item.name for item in result.model.inputs][:3]
    yield (
        "fields",
        lambda: [item.to_dict() for item in islice(result.receptive_fields(), MAX_FIELDS)],
    )
    yield "document", lambda: json.dumps(result.to_dict(outputs), allow_nan=False)
    yield "repr", lambda: [repr(item) for item in islice(result.receptive_fields(), 20)]
    for source in inputs:
        for target in outputs:
            yield f"paths {source} {target}", lambda s=source, t=target: _paths(result, s, t)
            yield f"erf {source} {target}", lambda s=source, t=target: _effective(result, s, t)
    for target in outputs:
        yield f"unit {target}", lambda t=target: _units(result, t)
    yield "check", lambda: check(result)
    yield "check all", lambda: check(result, select="all", stat="union")


def _paths(result, source, target):
    for count in ("routes", "paths"):
        found = rfgraph.path_histogram(result, tensor=target, input=source, count=count)
        json.dumps(found.to_dict(), allow_nan=False)
    return list(islice(rfgraph.paths(result, target, source), 3))


def _effective(result, source, target):
    for kind in ("random", "uniform", "paths", "stored"):
        found = rfgraph.erf(result, target, input=source, map=kind)
        json.dumps(found.to_dict(), allow_nan=False)


def _units(result, target):
    shape = result.graph.nodes[target]["shape"] or ()
    for index in ((0,) * len(shape), (-1,) * len(shape), (None,) * len(shape)):
        json.dumps(rfgraph.unit(result, target, index).to_dict(), allow_nan=False)
