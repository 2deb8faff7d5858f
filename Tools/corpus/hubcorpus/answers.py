"""Answers that are refused, secrets, and settings."""

import json

from .clients import (
    case,
    expect,
    expect_files,
    percept,
    reference,
    tree,
)
from .playedhub import (
    TLS,
    File,
    Hub,
    body,
    is_file,
    is_listing,
    model,
    reply,
    status,
)


@case
def wrong_contents_and_lengths(folder):
    file = model()["model.safetensors"]
    damaged = bytearray(file.content)
    damaged[1000] ^= 1
    for number, bad in enumerate([bytes(damaged), file.content[:-1], file.content + b"x", b"", b"x" * 10]):
        hub = Hub(model())
        hub.fail(body(bad), is_file("model.safetensors"), 10)
        run = percept(hub, folder / str(number))
        expect(run.status == 65 and "model.safetensors" in run.errors, number, run.status, run.errors)
        entries = tree(folder / str(number))
        expect(not [e for e in entries if file.tag in e or e.startswith(("snapshots", "refs"))], number, entries)


@case
def pages_and_pointers_in_the_place_of_files(folder):
    page = b"<!DOCTYPE html>\n<html><head><title>Welcome to our hotel</title></head><body>Log in</body></html>"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 200000\n" % (b"0" * 64)
    for number, (what, bad, word) in enumerate(
        [
            ("model.safetensors", page, "web page"),
            ("model.safetensors", pointer, "LFS pointer"),
            ("config.json", page, "web page"),
            ("", page, "web page"),
            ("model.safetensors", page + b" " * 300_000, "web page"),
        ]
    ):
        hub = Hub(model())
        hub.fail(body(bad, {"Content-Type": "text/html"}), is_file(what) if what else is_listing, 10)
        run = percept(hub, folder / str(number))
        expect(run.status == 65 and word in run.errors, number, run.status, run.errors)
        expect(what in run.errors or not what, run.errors)
        expect(not [e for e in tree(folder / str(number)) if e.startswith(("snapshots", "refs"))])
    # A server that has the pointer itself for the file, and one that tells no hash.
    for number, hides in [(5, False), (6, True)]:
        hub = Hub(
            {
                "model.safetensors": File(pointer if number == 5 else page, large=False),
                "config.json": File(b"{}", False),
            }
        )
        hub.tells_hashes = not hides
        hub.etag = '"{:.32}"' if hides else '"{}"'
        run = percept(hub, folder / str(number))
        expect(run.status == 65 and "came instead" in run.errors, run.status, run.errors)
        expect(
            not [
                e
                for e in tree(folder / str(number))
                if e.startswith(("blobs/", "snapshots")) and "incomplete" not in e and len(e) > 50
            ]
        )


@case
def refusals(folder):
    for number, (fault, code, word) in enumerate(
        [
            (status(401, {"X-Error-Code": "GatedRepo"}), 77, "licence"),
            (status(403, {"X-Error-Code": "GatedRepo"}), 77, "licence"),
            (status(401, {"X-Error-Code": "RepoNotFound"}), 66, "someone/model"),
            (status(401), 77, "HF_TOKEN"),
            (status(404, {"X-Error-Code": "RevisionNotFound"}), 66, "main"),
            (status(511), 69, "login"),
            (status(407), 69, "proxy"),
            (status(302, {"Location": "ftp://127.0.0.1/x"}), 65, "redirect"),
        ]
    ):
        hub = Hub(model())
        hub.fail(fault, is_listing, 10)
        run = percept(hub, folder / str(number))
        expect(run.status == code and word in run.errors, number, run.status, run.errors)
        expect(not run.output and not (folder / str(number)).exists(), number, run.output)


@case
def hostile_names(folder):
    for number, name in enumerate(
        [
            "../model.safetensors",
            "a/../../model.safetensors",
            "/model.safetensors",
            "..\\model.safetensors",
            "../\u0301x.safetensors",
            "./model.safetensors",
            "a\nb.safetensors",
            "",
        ]
    ):
        hub = Hub({**model(), name: File(b"hostile")})
        run = percept(hub, folder / str(number))
        expect(run.status == 65 and not (folder / str(number)).exists(), repr(name), run.status, run.errors, run.output)
    hub = Hub(model())
    text = json.dumps(
        {
            "sha": "0" * 40,
            "siblings": [
                {"rfilename": "model.safetensors", "size": 1, "blobId": "a" * 40},
                {"rfilename": "model.safetensors", "size": 2},
            ],
        }
    )
    hub.fail(body(text.encode()), is_listing, 10)
    expect(percept(hub, folder / "twice").status == 65)


@case
def secrets_are_not_shown(folder):
    store = Hub({})
    store.fail(status(400), times=100)
    hub = Hub(model(), content_host=store)
    hub.token = "hf_verysecret"
    run = percept(hub, folder / "a", "-v", env={"HF_TOKEN": "hf_verysecret"})
    expect(run.status != 0, "no error")
    for secret in ["hf_verysecret", "do-not-show"]:
        expect(secret not in run.errors + run.output, secret, "was shown:", run.errors)
    hub = Hub(model(), tls="here.pem")
    hub.fail(status(302, {"Location": "http://name:pass@127.0.0.1:1/x?token=do-not-show"}), is_listing)
    run = percept(hub, folder / "b", env={"SSL_CERT_FILE": str(TLS / "here.pem")})
    expect(run.status == 65 and "redirect" in run.errors, run.status, run.errors)
    expect("do-not-show" not in run.errors and "pass" not in run.errors, run.errors)


@case
def tokens_from_files(folder):
    hub = Hub(model())
    hub.token = "hf_corpus"
    (folder / "token").write_text("hf_corpus\n")
    expect(percept(hub, folder / "a", env={"HF_TOKEN_PATH": str(folder / "token")}).status == 0)
    (folder / "home").mkdir()
    (folder / "home/token").write_text("  hf_corpus\r\n")
    expect(percept(hub, folder / "b", env={"HF_HOME": str(folder / "home")}).status == 0)
    expect(percept(hub, folder / "c", env={"HF_HOME": "$CORPUS_BASE/home", "CORPUS_BASE": str(folder)}).status == 0)


@case
def endpoints_with_a_path_and_slashes(folder):
    hub = Hub(model())

    def under(hub_, request):
        if not request.path.startswith("/mirror/hf/"):
            return reply(request, 404, {}, b"")
        request.path = request.path.removeprefix("/mirror/hf")
        return False

    hub.fail(under, times=1000)
    run = percept(hub, folder / "a", env={"HF_ENDPOINT": hub.endpoint + "/mirror/hf//"})
    expect(run.status == 0, run.errors)


@case
def offline(folder):
    hub = Hub(model())
    run = percept(hub, folder / "a", env={"HF_HUB_OFFLINE": "1"})
    expect(run.status == 69 and "HF_HUB_OFFLINE" in run.errors, run.status, run.errors)
    reference(hub, folder / "a", ["config.json", "model.safetensors"])
    count = len(hub.requests)
    run = percept(hub, folder / "a", env={"HF_HUB_OFFLINE": "1"})
    expect(run.status == 0 and len(hub.requests) == count, run.status, run.errors)
    expect_files(run.json()["path"], model(), ["config.json", "model.safetensors"])
