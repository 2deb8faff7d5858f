"""The engines that are compared, and a worker process of one."""

import json
import os
import selectors
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
PERCEPT = "Percept"
DRIVERS = {
    "system": [],
    "mesa-backports": [str(TOOLS / "drivers" / "mesa-backports")],
    "mesa-sid": [str(TOOLS / "drivers" / "mesa-sid")],
}
# Seconds for loading and the first run, when drivers compile; for any later run.
START_LIMIT, RUN_LIMIT = 900, 300


class Failed(Exception):
    """Why an engine gives no result."""


@dataclass
class Engine:
    name: str
    precision: str
    program: list[str]
    # The file that prepare.py makes for it.
    needs: str
    # What starts a program on a driver by its name; ggml brings a C library of its own.
    launcher: Callable[[str], list[str]] = DRIVERS.get
    version: str = ""
    device: str = ""
    cosine: float | None = None
    problem: str | None = None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def label(self):
        return f"{self.name} {self.precision}"


def python_worker(name):
    """Interpreter and script. A driver with a C library of its own is started with a program, so the interpreter must be a
    real one and not a link that finds its environment by its place; see `worker_environment`."""
    return [os.path.realpath(sys.executable), str(TOOLS / "peers" / f"{name}_worker.py")]


def worker_environment():
    return os.environ | {"PYTHONPATH": sysconfig.get_paths()["purelib"], "PYTHONDONTWRITEBYTECODE": "1"}


def engines():
    """All of them, in the order of the report."""
    percept = TOOLS.parent / ".build" / "release" / "percept-worker"
    found = []
    for precision in ("f32", "f16"):
        found += [
            Engine(PERCEPT, precision, [str(percept)], "tower.pt"),
            Engine("ncnn", precision, python_worker("ncnn"), "tower.ncnn.bin"),
            Engine("ONNX Runtime WebGPU", precision, python_worker("onnxruntime"), f"tower-{precision}.onnx"),
            Engine("IREE", precision, python_worker("iree"), f"tower-{precision}.vmfb"),
            Engine(
                "ggml", precision, python_worker("ggml"), "tower.npz",
                lambda driver: [str(TOOLS / "peers" / "with-ggml"), driver]),
        ]
    return found


class Worker:
    """A running engine; its answers are lines of JSON (worker.py)."""

    def __init__(self, engine, driver, folder, log):
        command = [*engine.launcher(driver), *engine.program, str(folder), engine.precision]
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=worker_environment())
        self.reader = selectors.DefaultSelector()
        self.reader.register(self.process.stdout, selectors.EVENT_READ)

    def answer(self, limit):
        if not self.reader.select(limit):
            raise Failed(f"no answer in {limit} s")
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            ending = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise Failed(f"{ending}: {self.last_words()}")
        values = json.loads(line)
        if "error" in values:
            raise Failed(values["error"])
        return values

    def last_words(self):
        """The last line on standard error."""
        lines = Path(self.log.name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def ask(self, command, limit):
        try:
            self.process.stdin.write(f"{command}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer, or its absence, says why
        return self.answer(limit)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
