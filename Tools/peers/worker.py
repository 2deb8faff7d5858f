"""What every Python worker does: load an engine, then answer the lines of standard input.

`run` is answered by the seconds from the tensor in host memory to the embedding in host memory, and the processor
seconds that all threads of the process spent on it, the driver's among them; `save PATH` writes the last embedding as
.npy. Answers are lines of JSON; a failure is `{"error": ...}`, and the end.
"""

import json
import os
import sys
import time

import numpy as np


def answer(**values):
    print(json.dumps(values), file=protocol, flush=True)


# Engines print to standard output as they like: it goes where standard error goes.
protocol = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(load):
    """`load()` gives the engine's version, its device's name and a function without arguments that makes an embedding."""
    try:
        version, device, run = load()
        answer(version=version, device=device)
        embedding = None
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            if command == "run":
                start, spent = time.perf_counter(), time.process_time()
                embedding = run()
                answer(seconds=time.perf_counter() - start, processor=time.process_time() - spent)
            elif command == "save":
                np.save(argument, np.asarray(embedding, np.float32).reshape(1, -1))
                answer(saved=argument)
    except Exception as problem:  # whatever an engine throws is its result
        answer(error=f"{type(problem).__name__}: {problem}")
        sys.exit(1)
