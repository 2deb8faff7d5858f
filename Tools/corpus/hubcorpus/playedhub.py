"""A hub on 127.0.0.1 with repositories, revisions, and faults on the way to them."""

import hashlib
import http.server
import json
import pathlib
import random
import socket
import ssl
import threading
import time
import urllib.parse

TLS = pathlib.Path(__file__).resolve().parents[3] / "Tests/Fixtures/tls"


def data(size, seed):
    return random.Random(seed).randbytes(size)


class File:
    """Contents, kept outside of git if `large`."""

    def __init__(self, content, large=True):
        self.content, self.large = content, large
        self.blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        self.sha256 = hashlib.sha256(content).hexdigest()

    @property
    def tag(self):
        return self.sha256 if self.large else self.blob


def model(seed=1, **more):
    files = {
        "config.json": File(b'{"model_type": "x", "seed": %d}' % seed, large=False),
        "model.safetensors": File(data(200_000, seed)),
        "tokenizer.json": File(b"{}", large=False),
        "README.md": File(b"# A model\n", large=False),
    }
    files.update(more)
    return files


def commit_of(files):
    return hashlib.sha1(repr(sorted((n, f.tag) for n, f in files.items())).encode()).hexdigest()


class Hub:
    """A hub with repositories of several revisions, and faults: functions that may answer a request themselves."""

    def __init__(self, files=None, id="someone/model", tls=None, content_host=None):
        self.id = id
        self.revisions = {}
        self.commits = {}
        if files is not None:
            self.add("main", files)
        self.faults = []
        self.requests = []
        self.lock = threading.Lock()
        # Where large files are redirected to: nothing, "relative", or another hub.
        self.content_host = content_host
        self.tells_hashes = True
        self.token = None
        self.etag = '"{}"'
        self.xet = False
        self.text_sizes = False
        self.delay = 0.0
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_GET(self):
                hub.serve(self)

            do_HEAD = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / tls, TLS / "key.pem")
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def add(self, revision, files):
        commit = commit_of(files)
        self.revisions[revision] = commit
        self.commits[commit] = files
        return commit

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, fault, when=lambda request: True, times=1):
        """Lets `fault` answer the next requests that `when` picks."""
        self.faults.append([fault, when, times])

    def sent(self):
        """Bytes of files that were sent."""
        return sum(r["sent"] for r in self.requests if "/api/" not in r["path"])

    def serve(self, request):
        record = {"method": request.command, "path": request.path, "headers": dict(request.headers), "sent": 0}
        fault = None
        with self.lock:
            self.requests.append(record)
            for entry in self.faults:
                if entry[2] > 0 and entry[1](record):
                    entry[2] -= 1
                    fault = entry[0]
                    break
        request.record = record
        if self.delay:
            time.sleep(self.delay)
        if fault is not None and fault(self, request):
            return
        path = urllib.parse.urlsplit(request.path).path
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return reply(request, 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"}, b"gated")
        parts = [urllib.parse.unquote(p) for p in path.strip("/").split("/")]
        owner, name = self.id.split("/")
        if parts[:4] == ["api", "models", owner, name]:
            return self.describe(request, parts[4:])
        if parts[:3] == [owner, name, "resolve"] and len(parts) > 4:
            return self.resolve(request, parts[3], "/".join(parts[4:]))
        if parts[0] == "lfs":
            for files in self.commits.values():
                for file in files.values():
                    if file.sha256 == parts[1] and len(parts) > 2:
                        headers = {"ETag": self.etag.format(file.tag), "X-Repo-Commit": parts[2]}
                        return content(request, file.content, headers)
                    if file.sha256 == parts[1]:
                        return content(request, file.content, {"ETag": '"cdn"'})
        reply(request, 404, {"X-Error-Code": "RepoNotFound"}, b"not found")

    def describe(self, request, parts):
        commit = self.revisions.get(parts[1], parts[1]) if len(parts) > 1 else self.revisions["main"]
        if commit not in self.commits:
            return reply(request, 404, {"X-Error-Code": "RevisionNotFound"}, b"no such revision")
        files = self.commits[commit]
        if parts and parts[0] == "tree":
            entries = []
            for name, file in sorted(files.items()):
                entry = {"type": "file", "path": name, "size": len(file.content), "oid": file.blob}
                if file.large:
                    entry["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
                entries.append(entry)
            return reply(request, 200, {"Content-Type": "application/json"}, json.dumps(entries).encode())
        siblings = []
        for name, file in sorted(files.items()):
            entry = {"rfilename": name}
            if self.tells_hashes:
                size = str(len(file.content)) if self.text_sizes else len(file.content)
                entry.update(size=size, blobId=file.blob)
                if file.large:
                    entry["lfs"] = {"sha256": file.sha256, "size": size, "pointerSize": 134}
            siblings.append(entry)
        body = {"id": self.id, "sha": commit, "siblings": siblings, "private": False, "tags": [], "downloads": 0}
        reply(request, 200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def resolve(self, request, revision, name):
        commit = self.revisions.get(revision, revision)
        file = self.commits.get(commit, {}).get(name)
        if file is None:
            return reply(request, 404, {"X-Error-Code": "EntryNotFound"}, b"no such file")
        headers = {"X-Repo-Commit": commit, "ETag": self.etag.format(file.tag)}
        if file.large and self.xet:
            headers["X-Xet-Hash"] = file.sha256
        if file.large and self.content_host:
            headers["X-Linked-Etag"] = self.etag.format(file.tag)
            headers["X-Linked-Size"] = str(len(file.content))
            # Elsewhere nobody knows of commits.
            place = f"/lfs/{file.sha256}"
            place = f"{place}/{commit}" if self.content_host == "relative" else self.content_host.endpoint + place
            headers["Location"] = f"{place}?signature=do-not-show"
            return reply(request, 302, headers, b"Found. Redirecting")
        content(request, file.content, headers)


def reply(request, status, headers, body):
    if "Date" in headers:
        request.send_response_only(status)
    else:
        request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    if "Content-Length" not in headers:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
    return True


def content(request, body, headers, ranges=True):
    """Sends a file, or the part of it that is asked for."""
    wanted = request.headers.get("Range")
    status, part, headers = 200, body, dict(headers)
    if wanted and ranges:
        first = int(wanted.removeprefix("bytes=").split("-")[0])
        if first >= len(body):
            return reply(request, 416, {"Content-Range": f"bytes */{len(body)}"}, b"")
        status, part = 206, body[first:]
        headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
    headers["Accept-Ranges"] = "bytes"
    if request.command == "GET":
        request.record["sent"] += len(part)
    return reply(request, status, headers, part)


# Faults: functions of the hub and a request that return True if they answered.


def status(code, headers=None, body=b"fault"):
    return lambda hub, request: reply(request, code, headers or {}, body)


def body(content_, headers=None):
    return lambda hub, request: reply(request, 200, headers or {}, content_)


def cut(count, sized=True):
    """All headers, some bytes, and the end of the connection."""

    def fault(hub, request):
        file = hub.file(request)
        request.send_response(200)
        request.send_header("ETag", hub.etag.format(file.tag))
        if sized:
            request.send_header("Content-Length", str(len(file.content)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(file.content[:count])
        request.wfile.flush()
        request.record["sent"] += count
        request.close_connection = True
        try:
            request.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        return True

    return fault


def hub_file(self, request):
    parts = [urllib.parse.unquote(p) for p in urllib.parse.urlsplit(request.path).path.strip("/").split("/")]
    commit = self.revisions.get(parts[3], parts[3])
    return self.commits[commit]["/".join(parts[4:])]


Hub.file = hub_file


def slow(seconds):
    def fault(hub, request):
        time.sleep(seconds)
        return False

    return fault


def is_file(name, method="GET"):
    end = "/" + urllib.parse.quote(name)
    return lambda r: r["method"] == method and r["path"].split("?")[0].endswith(end) and "/resolve/" in r["path"]


def is_listing(r):
    return "/api/models/" in r["path"] and "/revision/" in r["path"]
