"""Compares `percept pull` with huggingface_hub, the hub's own client, on a hub that this script plays on 127.0.0.1.

Both pull the same repositories, with and without faults on the way; the caches have to be the same byte for byte, and
each has to read what the other wrote. Prints what differs, and how many checks passed and failed; exits with 1 if any did.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import sys
import time
import traceback

from hubcorpus import answers, caches, clients, networks, transfers  # noqa: F401 (their checks enter themselves)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binaries", required=True, help="the folder with percept")
    parser.add_argument("names", nargs="*", help="of checks; all if none is named")
    arguments = parser.parse_args()
    clients.PERCEPT = str(pathlib.Path(arguments.binaries).resolve() / "percept")
    chosen = [c for c in clients.CASES if not arguments.names or c.__name__ in arguments.names]

    def run(function):
        folder = clients.WORK / function.__name__
        folder.mkdir()
        try:
            function(folder)
            return None
        except Exception as error:
            return str(error) if isinstance(error, AssertionError) else traceback.format_exc()

    start = time.time()
    for name in caches.PRELOADS:
        caches.preload(name)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(zip(chosen, pool.map(run, chosen)))
    failed = [(c, e) for c, e in results if e]
    for function, error in failed:
        print(f"{function.__name__}: {error}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    print(f"hub: {time.time() - start:.0f} s", file=sys.stderr)
    shutil.rmtree(clients.WORK, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
