"""Many models: in the order given, by any executor, whatever happens to one of them."""

from __future__ import annotations

import concurrent.futures
import pickle
import resource
import subprocess
import sys

import pytest

import rfgraph
from checks import nets
from rfgraph.checks import run
from rfgraph.checks.settings import make_settings

MODELS = [nets.fixture(name) for name in ("resnet50", "alexnet", "bagnet9", "toy_aligned")]


class Reversed(concurrent.futures.Executor):
    """An executor that does the last task first, when the first answer is asked for."""

    def __init__(self):
        self.tasks = []

    def submit(self, function, /, *arguments):
        future = concurrent.futures.Future()
        self.tasks.append((future, function, arguments))
        future.result = lambda timeout=None, given=future: self._run(given, timeout)
        return future

    def _run(self, future, timeout):
        while self.tasks:
            given, function, arguments = self.tasks.pop()
            given.set_result(function(*arguments))
        return concurrent.futures.Future.result(future, timeout)


def test_order_is_that_of_the_models_whatever_finishes_first():
    expected = [(path, bool(rfgraph.check(path))) for path in MODELS]
    for executor in (None, Reversed()):
        reports = rfgraph.check_many(MODELS, executor=executor)
        assert [(report.file, bool(report.findings)) for report in reports] == expected


def test_threads_and_processes_give_what_one_process_gives():
    alone = list(rfgraph.check_many(MODELS, make_settings(select="all")))
    settings = make_settings(select="all")
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        assert list(rfgraph.check_many(MODELS, settings, executor)) == alone
    assert pickle.loads(pickle.dumps(alone)) == alone
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_settings_may_differ_by_model():
    each = [make_settings(stat="union"), make_settings(min_rf=400)]
    reports = list(rfgraph.check_many(MODELS[:2], each))
    assert [report.ok for report in reports] == [True, False]
    with pytest.raises(rfgraph.UsageError, match="one for each of"):
        list(rfgraph.check_many(MODELS, each))


def test_one_unreadable_file_does_not_stop_the_others(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no")
    models = [MODELS[1], broken, tmp_path / "missing.onnx", tmp_path, MODELS[1]]
    reports = list(rfgraph.check_many(models))
    assert [report.ok for report in reports] == [True, False, False, False, True]
    assert [report.error is None for report in reports] == [True, False, False, False, True]
    for report in reports[1:4]:
        assert report.error.startswith(report.file)
        assert "\n" not in report.error


def test_what_the_settings_cannot_ask_of_a_model_is_its_error():
    first, second = rfgraph.check_many([MODELS[1], MODELS[0]], make_settings(at="pool5"))
    assert first.error is None
    assert second.error.startswith(f"{MODELS[0]}: no tensor 'pool5'; the nearest names are")


def test_bytes_and_protos_are_models_too():
    model = nets.residual(length=4)
    (report,) = rfgraph.check_many([model.SerializeToString()], make_settings(stat="union"))
    assert (report.file, report.ok) == ("<bytes>", True)
    (report,) = rfgraph.check_many([model])
    assert report.file == "<ModelProto>"
    assert len(report.findings) == 1


def test_a_surprise_in_one_model_is_an_error_of_that_model(monkeypatch):
    def fail(_):
        raise RuntimeError("surprise")

    monkeypatch.setattr(run, "analyze", fail)
    (report,) = rfgraph.check_many([MODELS[1]])
    assert "internal error: RuntimeError: surprise" in report.error
    for error, words in ((MemoryError(), "not enough memory"), (RecursionError(), "nested too")):
        monkeypatch.setattr(run, "analyze", _raiser(error))
        (report,) = rfgraph.check_many([MODELS[1]])
        assert words in report.error


def _raiser(error):
    def fail(_):
        raise error

    return fail


def test_a_worker_that_dies_is_an_error_not_an_end():
    class Dying(concurrent.futures.ThreadPoolExecutor):
        def submit(self, function, /, *arguments):
            if "bagnet" in arguments[0]:
                raise concurrent.futures.BrokenExecutor("a child process terminated abruptly")
            if "toy" in arguments[0]:
                return super().submit(_raiser(EOFError("lost")), None)
            return super().submit(function, *arguments)

    with Dying(1) as executor:
        reports = list(rfgraph.check_many(MODELS, executor=executor))
    assert [report.error is None for report in reports] == [True, True, False, False]
    assert "the worker failed: BrokenExecutor: a child process" in reports[2].error
    assert "the worker failed: EOFError: lost" in reports[3].error


def test_a_long_list_is_not_sent_all_at_once():
    sent = []

    class Counting(concurrent.futures.Executor):
        def submit(self, function, /, *arguments):
            sent.append(arguments[0])
            future = concurrent.futures.Future()
            future.set_result(run.Report(str(arguments[0])))
            return future

    reports = rfgraph.check_many((f"{n}.onnx" for n in range(10 * run.AHEAD)), executor=Counting())
    assert next(reports).file == "0.onnx"
    assert len(sent) == run.AHEAD
    assert sum(1 for _ in reports) == 10 * run.AHEAD - 1


def spent():
    """The processor time of the processes that have ended, whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_a_thousand_models_cost_less_in_one_run(tmp_path):
    for number in range(1000):
        (tmp_path / f"{number:04}.onnx").write_bytes(
            nets.chain((1, 1), (2, 2), length=9 + number % 7).SerializeToString()
        )
    command = [sys.executable, "-m", "rfgraph", "check", "--min-rf", "7"]
    start = spent()
    many = subprocess.run([*command, str(tmp_path)], check=False, capture_output=True, text=True)
    together = (spent() - start) / 1000
    assert (many.returncode, many.stdout) == (0, "1000 models: every rule holds (RF001)\n")
    start = spent()
    for number in range(10):
        subprocess.run([*command, str(tmp_path / f"{number:04}.onnx")], check=True)
    alone = (spent() - start) / 10
    assert together * 10 < alone
