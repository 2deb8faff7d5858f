"""What both pull alike: forms of repositories and answers, and faults that another attempt mends."""

import gzip
import json
import time
import urllib.parse

from .clients import (
    agree,
    case,
    expect,
    expect_files,
    percept,
    reference,
    same,
    tree,
)
from .playedhub import (
    File,
    Hub,
    content,
    cut,
    data,
    is_file,
    is_listing,
    model,
    reply,
    status,
)


@case
def plain(folder):
    names = agree(Hub(model()), folder)
    expect(names == ["config.json", "model.safetensors", "tokenizer.json"], names)


@case
def shards_and_empty_files(folder):
    files = {
        "model.safetensors.index.json": File(b'{"weight_map": {}}', large=False),
        "model-00001-of-00002.safetensors": File(data(70_000, 2)),
        "model-00002-of-00002.safetensors": File(data(1, 3)),
        "config.json": File(b"{}", large=False),
        "merges.txt": File(b"", large=False),
    }
    expect(len(agree(Hub(files), folder)) == 5)


@case
def files_of_the_same_contents(folder):
    twin = data(5000, 9)
    agree(Hub({"a.safetensors": File(twin), "b.safetensors": File(twin), "config.json": File(b"{}", False)}), folder)


@case
def nested_folder(folder):
    files = model(
        **{
            "original/consolidated.00.pth": File(data(3000, 4)),
            "original/params.json": File(b'{"dim": 1}', large=False),
        }
    )
    agree(Hub(files), folder, "--original")


@case
def names_with_spaces_letters_and_percent(folder):
    agree(
        Hub(
            {
                "mödel 100%25 #1?.safetensors": File(data(3000, 5)),
                "日本語 & +.safetensors": File(data(10, 6)),
                "config.json": File(b"{}", large=False),
            }
        ),
        folder,
    )


@case
def large_files_redirected_relatively(folder):
    agree(Hub(model(), content_host="relative"), folder)


@case
def large_files_on_another_host_without_the_token(folder):
    store = Hub(model())
    hub = Hub(model(), content_host=store)
    hub.token = "hf_corpus"
    agree(hub, folder, token="hf_corpus")
    expect(store.requests, "the other host was not asked")
    expect(not [r for r in store.requests if "Authorization" in r["headers"]], "the token went to another host")


@case
def a_repository_that_moved(folder):
    hub = Hub(model())

    def moved(hub_, request):
        if "/someone/old" not in request.path:
            return False
        return reply(request, 307, {"Location": request.path.replace("/someone/old", "/someone/model")}, b"moved")

    hub.fail(moved, times=1000)
    run = percept(hub, folder / "a", id="someone/old")
    expect(run.status == 0, run.errors)
    expect_files(run.json()["path"], hub.commits[hub.revisions["main"]], ["config.json", "model.safetensors"])


@case
def branch_tag_and_commit(folder):
    hub = Hub(model(1))
    hub.add("v1.0", model(2))
    hub.add("refs/pr/1", model(3))
    commit = hub.add("topic/x", model(4))
    for number, revision in enumerate(["v1.0", "refs/pr/1", "topic/x", commit]):
        agree(hub, folder / str(number), revision=revision)


@case
def two_revisions_share_a_blob(folder):
    hub = Hub(model(1))
    hub.add("next", model(1, **{"config.json": File(b'{"next": 1}', large=False)}))
    for cache, pull in [("a", percept), ("b", None)]:
        for revision in ["main", "next"]:
            if pull:
                expect(pull(hub, folder / cache, "--revision", revision).status == 0)
            else:
                reference(hub, folder / cache, ["config.json", "model.safetensors", "tokenizer.json"], revision)
    same(tree(folder / "a"), tree(folder / "b"))


@case
def a_branch_that_moves_on(folder):
    hub = Hub(model(1))
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    for seed in [1, 2]:
        hub.add("main", model(seed))
        expect(percept(hub, folder / "a").status == 0)
        reference(hub, folder / "b", names)
    same(tree(folder / "a"), tree(folder / "b"))


@case
def tags_only_in_headers_quoted_and_weak(folder):
    for number, form in enumerate(['"{}"', 'W/"{}"', "{}"]):
        hub = Hub(model(), content_host="relative" if number == 1 else None)
        hub.tells_hashes = False
        hub.etag = form
        agree(hub, folder / str(number))


@case
def xet_headers(folder):
    hub = Hub(model(), content_host="relative")
    hub.xet = True
    agree(hub, folder)


@case
def sizes_as_text(folder):
    hub = Hub(model())
    hub.text_sizes = True
    run = percept(hub, folder / "a")
    expect(run.status == 0 and [r["method"] for r in hub.requests].count("HEAD") == 0, run.errors)


@case
def a_listing_in_pages(folder):
    files = {f"part-{n:03}.safetensors": File(data(10, n)) for n in range(7)}
    hub = Hub({**files, "config.json": File(b"{}", False)})

    def page(hub_, request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        first = int(query.get("cursor", ["0"])[0])
        names = sorted(hub.commits[hub.revisions["main"]])
        entries = [
            {
                "rfilename": n,
                "size": len(f.content),
                "blobId": f.blob,
                **({"lfs": {"sha256": f.sha256, "size": len(f.content)}} if f.large else {}),
            }
            for n, f in ((n, hub.commits[hub.revisions["main"]][n]) for n in names[first : first + 3])
        ]
        headers = {}
        if first + 3 < len(names):
            headers["Link"] = (
                f'<{hub.endpoint}/api/models/{hub.id}/revision/main?blobs=true&cursor={first + 3}>; rel="next"'
            )
        return reply(request, 200, headers, json.dumps({"sha": hub.revisions["main"], "siblings": entries}).encode())

    hub.fail(page, is_listing, 100)
    run = percept(hub, folder / "a")
    expect(run.status == 0 and len(run.json()["files"]) == 8, run.status, run.errors, run.output)


@case
def a_listing_of_fifty_thousand_files(folder):
    more = {f"data/{n:06}.bin": File(b"x", False) for n in range(50_000)}
    run = percept(Hub(model(**more)), folder / "a")
    expect(run.status == 0 and len(run.json()["files"]) == 3, run.errors)


@case
def cut_answers(folder):
    agree(Hub(model()), folder, faults=[(cut(100_000), is_file("model.safetensors"), 1)])


@case
def an_early_end_without_length(folder):
    hub = Hub(model())
    hub.fail(cut(70_000, sized=False), is_file("model.safetensors"))
    run = percept(hub, folder / "a")
    expect(run.status == 0, run.errors)
    expect_files(run.json()["path"], model(), ["model.safetensors"])
    expect(hub.sent() < 201_000 + 40, "all was fetched again:", hub.sent())


@case
def ranges_ignored(folder):
    def whole(hub, request):
        return content(request, hub.file(request).content, {"ETag": f'"{hub.file(request).tag}"'}, ranges=False)

    agree(
        Hub(model()),
        folder,
        faults=[(cut(100_000), is_file("model.safetensors"), 1), (whole, is_file("model.safetensors"), 1)],
    )


@case
def too_many_requests(folder):
    start = time.time()
    agree(Hub(model()), folder, faults=[(status(429, {"Retry-After": "1"}), is_file("model.safetensors"), 1)])
    expect(time.time() - start > 2, "nobody waited")


@case
def servers_errors(folder):
    hub = Hub(model())
    hub.fail(status(503), is_listing)
    hub.fail(status(500), is_file("config.json"))
    hub.fail(status(504), is_file("model.safetensors"))
    expect(percept(hub, folder / "a").status == 0)


@case
def a_limit_that_says_when_it_ends(folder):
    hub = Hub(model())
    hub.fail(status(429, {"RateLimit": '"api";r=0;t=1'}), is_listing)
    hub.fail(
        status(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:01 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        is_listing,
    )
    start = time.time()
    run = percept(hub, folder / "a")
    expect(run.status == 0 and time.time() - start > 1.9, run.errors)


@case
def slow_answers(folder):
    hub = Hub(model())
    hub.delay = 0.2
    agree(hub, folder)


@case
def packed_answers(folder):
    def packed(hub, request):
        text = gzip.compress(hub.file(request).content)
        headers = {"Content-Encoding": "gzip", "ETag": f'"{hub.file(request).tag}"'}
        return reply(request, 200, headers, text)

    agree(Hub(model()), folder, faults=[(packed, is_file("config.json"), 1)], faults_of_both=False)


@case
def an_answer_that_stalls(folder):
    def stall(hub, request):
        file = hub.file(request)
        request.send_response(200)
        request.send_header("Content-Length", str(len(file.content)))
        request.end_headers()
        request.wfile.write(file.content[:50_000])
        request.wfile.flush()
        time.sleep(6)
        return True

    hub = Hub(model())
    hub.fail(stall, is_file("model.safetensors"))
    run = percept(hub, folder / "a")
    expect(run.status == 0 and [r["headers"].get("Range") for r in hub.requests][-1] == "bytes=50000-", run.errors)


@case
def a_rest_from_before(folder):
    hub = Hub(model())
    file = model()["model.safetensors"]
    for number, rest in enumerate([file.content[:80_000], data(80_000, 77), file.content, file.content + b"x"]):
        cache = folder / str(number)
        blobs = cache / "models--someone--model/blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{file.tag}.incomplete").write_bytes(rest)
        run = percept(hub, cache)
        expect(run.status == 0, run.errors)
        expect_files(run.json()["path"], model(), ["model.safetensors"])
        expect(not list(blobs.glob("*.incomplete")), "something is left")


@case
def contents_that_change_on_the_way(folder):
    # The first half is of one file, the second of another with the same length and tag.
    hub = Hub(model())
    file = model()["model.safetensors"]
    other = data(len(file.content), 123)
    hub.fail(lambda hub_, r: content(r, other, {"ETag": f'"{file.tag}"'}), lambda r: "Range" in r["headers"], 1)
    hub.fail(cut(100_000), is_file("model.safetensors"), 1)
    run = percept(hub, folder / "a")
    expect(run.status in (0, 65), run.status, run.errors)
    if run.status == 65:
        expect("model.safetensors" in run.errors, run.errors)
        expect(not (folder / "a/models--someone--model/snapshots").exists(), "something is seen of it")
    run = percept(hub, folder / "a")
    expect(run.status == 0, run.errors)
    expect_files(run.json()["path"], model(), ["model.safetensors"])


@case
def a_tag_that_changes_on_the_way(folder):
    # A mirror that knows no hashes: the tag is all there is to tell one file from another.
    hub = Hub(model())
    hub.tells_hashes = False
    hub.etag = '"{:.32}"'
    other = File(data(200_000, 123))

    def changed(hub_, request):
        return content(request, other.content, {"ETag": f'"{other.tag:.32}"'})

    hub.fail(changed, lambda r: is_file("model.safetensors")(r) and "Range" in r["headers"], 1)
    hub.fail(cut(100_000), is_file("model.safetensors"), 1)
    run = percept(hub, folder / "a")
    expect(run.status == 65 and "changed" in run.errors, run.status, run.errors)
    expect(not (folder / "a/models--someone--model/snapshots").exists(), "something is seen of it")
    run = percept(hub, folder / "a")
    expect(run.status == 0, run.errors)
    expect_files(run.json()["path"], model(), ["model.safetensors"])


@case
def a_commit_that_changes_on_the_way(folder):
    hub = Hub(model())
    wrong = {"X-Repo-Commit": "f" * 40, "ETag": '"x"'}
    hub.fail(lambda h, r: content(r, h.file(r).content, wrong), is_file("model.safetensors"))
    run = percept(hub, folder / "a")
    expect(run.status == 65 and "commit" in run.errors, run.status, run.errors)
    expect(not (folder / "a/models--someone--model/refs").exists())
