"""Both clients of the hub, and the comparison of what they write."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# huggingface_hub reads its settings when it is imported.
WORK = pathlib.Path(tempfile.mkdtemp(prefix="percept-hub-corpus-"))
for name in list(os.environ):
    if name.startswith(("HF_", "SSL_CERT_")) or name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE"):
        del os.environ[name]
os.environ.update(
    HF_HOME=str(WORK / "home"),
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_UPDATE_CHECK="1",
    HF_HUB_DISABLE_SYMLINKS_WARNING="1",
    HF_HUB_VERBOSITY="critical",
    HF_HUB_ETAG_TIMEOUT="5",
    HF_HUB_DOWNLOAD_TIMEOUT="3",
    no_proxy="127.0.0.1",
)
import huggingface_hub  # noqa: E402

# The program; `hub.py` sets it.
PERCEPT = None


class Run:
    def __init__(self, status, output, errors):
        self.status, self.output, self.errors = status, output, errors

    def json(self):
        return json.loads(self.output)


def variables(hub, cache, **more):
    environment = {n: v for n, v in os.environ.items() if not n.startswith("HF_")}
    environment.update(
        HF_ENDPOINT=hub if isinstance(hub, str) else hub.endpoint,
        HF_HUB_CACHE=str(cache),
        HF_HOME=str(cache) + ".home",
        XDG_CACHE_HOME=str(cache) + ".percept",
        HF_HUB_DOWNLOAD_TIMEOUT="3",
    )
    environment.update({n: v for n, v in more.items() if v is not None})
    return environment


def percept(hub, cache, *arguments, id=None, env=None, timeout=60):
    command = [PERCEPT, "pull", "--json", *arguments, id or hub.id]
    done = subprocess.run(command, env=variables(hub, cache, **(env or {})), capture_output=True, timeout=timeout)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def start_percept(hub, cache, *arguments, env=None):
    return subprocess.Popen(
        [PERCEPT, "pull", "--json", *arguments, hub.id],
        env=variables(hub, cache, **(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def reference(hub, cache, names, revision=None, token=False, local=False, force=False):
    return huggingface_hub.snapshot_download(
        hub.id,
        cache_dir=str(cache),
        endpoint=hub.endpoint,
        allow_patterns=names,
        revision=revision,
        token=token,
        local_files_only=local,
        force_download=force,
        max_workers=4,
    )


SCRIPT = """
import json, sys, huggingface_hub
id, cache, endpoint, names, revision, local = json.loads(sys.argv[1])
print(huggingface_hub.snapshot_download(
    id, cache_dir=cache, endpoint=endpoint, allow_patterns=names, revision=revision, token=False, local_files_only=local))
"""


def reference_process(hub, cache, names, revision=None, local=False, env=None):
    """The same in a process of its own, with other variables."""
    arguments = json.dumps([hub.id, str(cache), hub.endpoint, names, revision, local])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments], env={**os.environ, **(env or {})}, capture_output=True, timeout=60
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def tree(cache, id="someone/model"):
    """What both clients write for a repository: links with their targets, files with their contents."""
    folder = pathlib.Path(cache) / ("models--" + id.replace("/", "--"))
    entries = {}
    for part in ["blobs", "snapshots", "refs"]:
        for path in sorted((folder / part).rglob("*")) if (folder / part).is_dir() else []:
            key = str(path.relative_to(folder))
            if path.is_symlink():
                entries[key] = ("link", os.readlink(path))
            elif path.is_file():
                entries[key] = ("file", hashlib.sha256(path.read_bytes()).hexdigest())
    return entries


def same(one, other):
    if one == other:
        return
    lines = []
    for key in sorted(set(one) | set(other)):
        if one.get(key) != other.get(key):
            lines.append(f"  {key}: percept {one.get(key)}, huggingface_hub {other.get(key)}")
    raise AssertionError("the caches differ\n" + "\n".join(lines))


def expect(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


def expect_files(folder, files, names):
    for name in names:
        expect((pathlib.Path(folder) / name).read_bytes() == files[name].content, name, "has other bytes")


def agree(hub, folder, *arguments, revision=None, token=None, faults=(), faults_of_both=True):
    """Both pull, write the same, and each finds what the other wrote."""
    files = hub.commits[hub.revisions.get(revision or "main", revision)]
    if revision:
        arguments += ("--revision", revision)
    env = {"HF_TOKEN": token}
    for fault in faults:
        hub.fail(*fault)
    run = percept(hub, folder / "a", *arguments, env=env)
    expect(run.status == 0, "percept:", run.status, run.errors)
    names = [f["name"] for f in run.json()["files"]]
    expect_files(run.json()["path"].removesuffix("/original"), files, names)
    hub.faults = []
    for fault in faults if faults_of_both else ():
        hub.fail(*fault)
    written = reference(hub, folder / "b", names, revision, token or False)
    expect_files(written, files, names)
    same(tree(folder / "a", hub.id), tree(folder / "b", hub.id))
    hub.faults = []
    local = reference(hub, folder / "a", names, revision, local=True)
    expect_files(local, files, names)
    before = hub.sent()
    again = percept(hub, folder / "b", *arguments, env=env)
    expect(again.status == 0 and again.json()["transferred_bytes"] == 0, "percept on the other's:", again.errors)
    expect(hub.sent() == before, "bytes were fetched again")
    return names


CASES = []


def case(function):
    """A check: a function of an empty folder that raises if something is wrong."""
    CASES.append(function)
    return function
