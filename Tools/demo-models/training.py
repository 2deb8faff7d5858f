"""What both trainings share: processes that take a step together, and runs that can be interrupted and gone on with."""

import math
import os
import signal
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, multiprocessing

RANKS = 2  # processes, one thread each
WARM_UP = 100
LEARNING_RATE = 1.5e-3


def learning_rate(step: int, steps: int):
    return LEARNING_RATE * min((step + 1) / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def parameter_groups(modules):
    named = [(n, p) for m in modules for n, p in m.named_parameters()]
    decayed = [p for n, p in named if p.ndim >= 2 and "embedding" not in n and "probe" not in n]
    others = [p for n, p in named if not any(p is d for d in decayed)]
    return [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]


class Run:
    """One of the processes that share a step: each has its own part of the batch, and the mean of their gradients moves
    all. SIGTERM and SIGINT, to any of them, end the run behind the next step."""

    def __init__(self, rank: int, checkpoint: Path, rendezvous: Path):
        torch.set_num_threads(1)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        distributed.init_process_group("gloo", f"file://{rendezvous}", timedelta(hours=4), RANKS, rank)
        self.checkpoint = checkpoint
        self.step, self.cpu_before = 0, 0.0
        self.is_to_stop = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)

    def stop(self, *_):
        self.is_to_stop = True

    def resume(self, **parts):
        """Gives the parts, modules and their optimiser, what the checkpoint has of them, if there is one."""
        self.parts = parts
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.step, self.cpu_before = state["step"], state["cpu_seconds"]

    def average(self, parameters):
        """Averages the gradients; whether any rank was asked to stop."""
        flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor([float(self.is_to_stop)])])
        distributed.all_reduce(flat)
        flat /= RANKS
        for p, g in zip(parameters, flat[:-1].split([p.numel() for p in parameters])):
            p.grad.copy_(g.view_as(p))
        return bool(flat[-1] > 0)

    def cpu_seconds(self):
        """Of all ranks and runs, taking every rank to need what this one does."""
        return self.cpu_before + RANKS * time.process_time()

    def save(self):
        partial = self.checkpoint.with_suffix(".partial")
        state = {name: part.state_dict() for name, part in self.parts.items()}
        torch.save(state | {"step": self.step, "cpu_seconds": self.cpu_seconds()}, partial)
        os.replace(partial, self.checkpoint)


def on_all_ranks(train, arguments):
    """Calls train(rank, arguments, rendezvous) in as many processes, this one being rank 0."""
    with tempfile.TemporaryDirectory() as folder:
        rendezvous = Path(folder) / "rendezvous"
        processes = multiprocessing.get_context("spawn")
        others = [processes.Process(target=train, args=(r, arguments, rendezvous), daemon=True) for r in range(1, RANKS)]
        for process in others:
            process.start()
        train(0, arguments, rendezvous)
        for process in others:
            process.join()
