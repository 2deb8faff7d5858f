"""Caches: damage, file systems that lack something, several processes."""

import os
import pathlib
import signal
import subprocess
import time

from .clients import (
    WORK,
    case,
    expect,
    expect_files,
    percept,
    reference,
    reference_process,
    same,
    start_percept,
    tree,
)
from .playedhub import (
    File,
    Hub,
    data,
    is_file,
    model,
    slow,
)


def spoil(path, keeps_time=False):
    path = pathlib.Path(path).resolve()
    times = path.stat()
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    if keeps_time:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@case
def spoiled_files_are_mended(folder):
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    for number, (writer, keeps_time, flags) in enumerate(
        [("percept", False, ()), ("reference", False, ()), ("percept", True, ()), ("percept", False, ("--verify",))]
    ):
        hub = Hub(model())
        cache = folder / str(number)
        if writer == "percept":
            expect(percept(hub, cache).status == 0)
        else:
            reference(hub, cache, names)
        before = tree(cache)
        snapshot = cache / "models--someone--model/snapshots" / hub.revisions["main"]
        for name in ["model.safetensors", "config.json"]:
            spoil(snapshot / name, keeps_time)
        hub.requests = []
        run = percept(hub, cache, *flags)
        expect(run.status == 0 and run.json()["transferred_bytes"] > 200_000, number, run.errors, run.output)
        expect("model.safetensors" in run.errors and "damaged" in run.errors, run.errors)
        same(tree(cache), before)
        run = percept(hub, cache, "--verify")
        expect(run.status == 0 and run.json()["transferred_bytes"] == 0, run.errors)


@case
def a_spoiled_blob_of_two_revisions(folder):
    hub = Hub(model(1))
    hub.add("next", model(1, **{"config.json": File(b'{"next": 1}', large=False)}))
    for revision in ["main", "next"]:
        expect(percept(hub, folder / "a", "--revision", revision).status == 0)
    before = tree(folder / "a")
    spoil(folder / "a/models--someone--model/snapshots" / hub.revisions["main"] / "model.safetensors")
    expect(percept(hub, folder / "a", "--revision", "next").status == 0)
    same(tree(folder / "a"), before)
    run = percept(hub, folder / "a", "--revision", "main")
    expect(run.status == 0 and run.json()["transferred_bytes"] == 0, run.errors)


@case
def a_spoiled_blob_of_the_shared_store(folder):
    # What huggingface_hub makes of files that came over Xet.
    hub = Hub(model())
    expect(percept(hub, folder / "a").status == 0)
    file = model()["model.safetensors"]
    store = folder / "a/blobs" / file.sha256[:2]
    store.mkdir(parents=True)
    (folder / "a/blobs/.huggingface-shared-blobs").write_text("1\n")
    blob = folder / "a/models--someone--model/blobs" / file.tag
    blob.rename(store / file.sha256)
    blob.symlink_to(f"../../blobs/{file.sha256[:2]}/{file.sha256}")
    (store / file.sha256).chmod(0o444)
    spoil(store / file.sha256)
    expect(percept(hub, folder / "a").status == 0)
    expect((store / file.sha256).read_bytes() == file.content and blob.is_symlink(), "not mended where all have it")


@case
def force_fetches_all(folder):
    hub = Hub(model())
    expect(percept(hub, folder / "a").status == 0)
    before, sent = tree(folder / "a"), hub.sent()
    run = percept(hub, folder / "a", "--force")
    expect(
        run.status == 0 and hub.sent() == 2 * sent and run.json()["transferred_bytes"] == sent, run.errors, hub.sent()
    )
    same(tree(folder / "a"), before)
    expect(percept(hub, folder / "a", "--force", "--verify").status == 64)


@case
def unsound_entries(folder):
    """Links that lead nowhere, references that name nothing, files of another length."""
    hub = Hub(model())
    snapshot = folder / "a/models--someone--model/snapshots" / hub.revisions["main"]
    expect(percept(hub, folder / "a").status == 0)
    before = tree(folder / "a")
    target = (snapshot / "model.safetensors").resolve()
    target.unlink()
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("/nowhere")
    with open((snapshot / "tokenizer.json").resolve(), "ab") as file:
        file.write(b" ")
    (folder / "a/models--someone--model/refs/main").write_bytes(b"\xff\x00../..\n")
    expect(percept(hub, folder / "a").status == 0)
    same(tree(folder / "a"), before)


PRELOADS = {
    "links": """
#include <errno.h>
int symlink(const char *a, const char *b) { errno = EPERM; return -1; }
int symlinkat(const char *a, int d, const char *b) { errno = EPERM; return -1; }
""",
    "hard": """
#include <errno.h>
int symlink(const char *a, const char *b) { errno = EPERM; return -1; }
int symlinkat(const char *a, int d, const char *b) { errno = EPERM; return -1; }
int link(const char *a, const char *b) { errno = EPERM; return -1; }
int linkat(int c, const char *a, int d, const char *b, int f) { errno = EPERM; return -1; }
""",
    "locks": """
#include <errno.h>
int flock(int f, int o) { errno = ENOSYS; return -1; }
""",
    "open": """
int flock(int f, int o) { return 0; }
""",
}


def preload(name):
    """A library that takes functions of the file system away."""
    library = WORK / f"{name}.so"
    if not library.exists():
        source = WORK / f"{name}.c"
        source.write_text(PRELOADS[name])
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library)}


@case
def no_symbolic_links(folder):
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    for number, env in enumerate([preload("links"), preload("hard"), {"HF_HUB_DISABLE_SYMLINKS": "1"}]):
        hub = Hub(model())
        run = percept(hub, folder / f"a{number}", env=env)
        expect(run.status == 0, run.errors)
        expect_files(run.json()["path"], model(), names)
        done = reference_process(hub, folder / f"b{number}", names, env=env)
        expect(done.status == 0, done.errors)
        same(tree(folder / f"a{number}"), tree(folder / f"b{number}"))
        # Each reads what the other wrote, also where there are links.
        expect_files(reference(hub, folder / f"a{number}", names, local=True), model(), names)
        for more in [env, {}]:
            run = percept(hub, folder / f"b{number}", env=more)
            expect(run.status == 0 and run.json()["transferred_bytes"] == 0, run.errors)
        # The next revision takes from the first what it has.
        hub.add("next", model(1, **{"config.json": File(b'{"next": 1}', large=False)}))
        run = percept(hub, folder / f"a{number}", "--revision", "next", env=env)
        expect(run.status == 0 and run.json()["transferred_bytes"] == 11, run.errors, run.output)
        expect_files(run.json()["path"], hub.commits[hub.revisions["next"]], names)
        # And damage is mended.
        spoil(pathlib.Path(run.json()["path"]) / "model.safetensors")
        run = percept(hub, folder / f"a{number}", "--revision", "next", env=env)
        expect(run.status == 0, run.errors)
        expect_files(run.json()["path"], hub.commits[hub.revisions["next"]], names)


@case
def files_of_the_same_contents_without_links(folder):
    twin = data(5000, 9)
    files = {"a.safetensors": File(twin), "b.safetensors": File(twin), "config.json": File(b"{}", False)}
    run = percept(Hub(files), folder / "a", env=preload("hard"))
    expect(run.status == 0, run.errors)
    expect_files(run.json()["path"], files, list(files))


@case
def no_locks(folder):
    for name in ["locks", "open"]:
        hub = Hub(model())
        hub.delay = 0.1
        runs = [start_percept(hub, folder / name, env=preload(name)) for _ in range(3)]
        for run in runs:
            _, errors = run.communicate(timeout=60)
            expect(run.returncode == 0, errors.decode())
        reference(hub, folder / "b", ["config.json", "model.safetensors", "tokenizer.json"])
        same(tree(folder / name), tree(folder / "b"))


@case
def long_paths(folder):
    hub = Hub(model())
    deep = folder / "a"
    while len(str(deep)) < 3700:
        deep = deep / ("d" * 200)
    run = percept(hub, deep)
    expect(run.status == 0, run.status, run.errors)
    deep = folder / "b"
    while len(str(deep)) < 3990:
        deep = deep / ("d" * min(200, 3990 - len(str(deep))))
    hub.requests = []
    run = percept(hub, deep)
    expect(run.status != 0 and "too long" in run.errors and hub.sent() == 0, run.status, run.errors[-300:], hub.sent())


@case
def both_at_the_same_time(folder):
    hub = Hub(model())
    hub.delay = 0.1
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    runs = [start_percept(hub, folder / "a") for _ in range(2)]
    reference(hub, folder / "a", names)
    for run in runs:
        _, errors = run.communicate(timeout=60)
        expect(run.returncode == 0, errors.decode())
    reference(hub, folder / "b", names)
    same(tree(folder / "a"), tree(folder / "b"))


@case
def killed_and_pulled_again(folder):
    hub = Hub(model())
    hub.fail(slow(5), is_file("model.safetensors"))
    for moment in [0.1, 0.3, 0.6]:
        run = start_percept(hub, folder / "a")
        time.sleep(moment)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        expect(not [e for e in tree(folder / "a") if e.startswith(("snapshots", "refs"))])
    expect(percept(hub, folder / "a").status == 0)
    reference(hub, folder / "b", ["config.json", "model.safetensors", "tokenizer.json"])
    same(tree(folder / "a"), tree(folder / "b"))
