"""Percept and other Vulkan engines on the same tensor, in turn, on one driver. Started by Tools/compare-peers."""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from engines import DRIVERS, PERCEPT, RUN_LIMIT, START_LIMIT, Failed, Worker, engines
from report import write_reports

MODELS = ("PE-Core-B16-224", "PE-Core-T16-384")
LEAST_COSINE = 0.9999


def arguments():
    parser = argparse.ArgumentParser(
        prog="Tools/compare-peers", description="Percept and other Vulkan engines on the same work, in turn.")
    parser.add_argument("--driver", choices=DRIVERS, default="system", help="Vulkan driver for all engines")
    parser.add_argument("--model", choices=MODELS, action="append", help="default: both")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="runs of each engine (default: 7)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where JSON and Markdown are written")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", metavar="TEXT", help="engines whose name contains this, and Percept")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def cosine(a, b):
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) if a.shape == b.shape else float("nan")


def start(engine, driver, folder, scratch):
    """A worker that has run twice and been checked, or None; then `engine.problem` says why."""
    refusal = folder / f"{engine.needs}.failed"
    if refusal.exists():
        engine.problem = refusal.read_text()
        return None
    worker = Worker(engine, driver, folder, scratch / f"{engine.label}.log")
    try:
        about = worker.answer(START_LIMIT)
        engine.version, engine.device = about["version"], about["device"]
        worker.ask("run", START_LIMIT)
        worker.ask("run", RUN_LIMIT)
        output = scratch / f"{engine.label}.npy"
        worker.ask(f"save {output}", RUN_LIMIT)
        engine.cosine = cosine(np.load(output), np.load(folder / "expected.npy"))
        if not engine.cosine >= LEAST_COSINE:
            raise Failed(f"wrong: cosine {engine.cosine:.6f}")
    except Failed as failure:
        engine.problem = " ".join(str(failure).split())[:200]
        worker.close()
        return None
    return worker


def measure(model, options, scratch):
    """Every engine with its times or its problem. Each round runs each engine once, beginning with another one."""
    found = [
        engine for engine in engines()
        if engine.name == PERCEPT or not options.only or options.only.lower() in engine.name.lower()]
    workers = {}
    try:
        for engine in found:
            print(f"{model}: starting {engine.label}", file=sys.stderr, flush=True)
            if worker := start(engine, options.driver, options.work / model, scratch):
                workers[engine.label] = worker
        for turn in range(options.rounds):
            print(f"{model}: round {turn + 1} of {options.rounds}", file=sys.stderr, flush=True)
            alive = [engine for engine in found if engine.problem is None]
            first = turn % max(len(alive), 1)
            for engine in alive[first:] + alive[:first]:
                try:
                    times = workers[engine.label].ask("run", RUN_LIMIT)
                    engine.seconds.append(times["seconds"])
                    engine.processor.append(times["processor"])
                except Failed as failure:
                    engine.problem = f"in round {turn + 1}: {failure}"
    finally:
        for worker in workers.values():
            worker.close()
    return found


def processor_name():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    for model in options.model or MODELS:
        prepare = Path(__file__).with_name("prepare.py")
        subprocess.run([sys.executable, prepare, model, options.work / model], check=True)
        about = {
            "model": model, "driver": options.driver, "processor": processor_name(),
            "processors": len(os.sched_getaffinity(0)), "date": datetime.date.today().isoformat(),
            "load_before": os.getloadavg()[0]}
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(model, options, Path(scratch))
        about["load_after"] = os.getloadavg()[0]
        print(write_reports(options.out, about, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
