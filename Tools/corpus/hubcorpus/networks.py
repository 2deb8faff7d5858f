"""Certificates and proxies."""

import shutil
import socket
import subprocess
import threading

from .clients import (
    case,
    expect,
    percept,
    reference_process,
    same,
    tree,
)
from .playedhub import (
    TLS,
    Hub,
    model,
)


@case
def a_private_authority(folder):
    hub = Hub(model(), tls="here.pem")
    run = percept(hub, folder / "none")
    expect(run.status == 69, run.status, run.errors)
    for word in ["certificate", "127.0.0.1", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]:
        expect(word in run.errors, word, run.errors)
    good, other = str(TLS / "here.pem"), str(TLS / "elsewhere.pem")
    expect(shutil.which("openssl"), "openssl is needed for a directory of certificates")
    directory = folder / "certificates"
    directory.mkdir()
    shutil.copy(good, directory)
    subprocess.run(["openssl", "rehash", str(directory)], check=True, capture_output=True)
    for number, env in enumerate(
        [
            {"SSL_CERT_FILE": good},
            {"REQUESTS_CA_BUNDLE": good},
            {"CURL_CA_BUNDLE": good},
            {"SSL_CERT_DIR": str(directory)},
            {"REQUESTS_CA_BUNDLE": str(directory)},
            {"SSL_CERT_FILE": good, "REQUESTS_CA_BUNDLE": other},
            {"SSL_CERT_FILE": good, "SSL_CERT_DIR": str(folder)},
            {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": good},
        ]
    ):
        run = percept(hub, folder / str(number), env=env)
        expect(run.status == 0, env, run.errors)
    for env in [{"SSL_CERT_FILE": other, "CURL_CA_BUNDLE": good}, {"SSL_CERT_DIR": str(folder)}]:
        run = percept(hub, folder / "refused", env=env)
        expect(run.status == 69 and "certificate" in run.errors, env, run.status, run.errors)
        expect(next(iter(env)) in run.errors, run.errors)
        expect(
            reference_process(hub, folder / "refused", ["config.json"], env=env).status != 0, "the reference takes it"
        )
    run = percept(hub, folder / "missing", env={"SSL_CERT_FILE": "/nowhere.pem"})
    expect(run.status == 64 and "SSL_CERT_FILE" in run.errors and "/nowhere.pem" in run.errors, run.status, run.errors)
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    done = reference_process(hub, folder / "b", names, env={"SSL_CERT_FILE": good})
    expect(done.status == 0, done.errors)
    same(tree(folder / "0"), tree(folder / "b"))


@case
def certificates_that_are_wrong(folder):
    for name, word in [("expired.pem", "expired"), ("elsewhere.pem", "127.0.0.1")]:
        run = percept(Hub(model(), tls=name), folder / name, env={"SSL_CERT_FILE": str(TLS / name)})
        expect(run.status == 69 and "certificate" in run.errors and word in run.errors, run.status, run.errors)


@case
def from_https_to_http(folder):
    hub = Hub(model(), tls="here.pem", content_host=Hub(model()))
    run = percept(hub, folder / "a", env={"SSL_CERT_FILE": str(TLS / "here.pem")})
    expect(run.status == 65 and "redirect" in run.errors, run.status, run.errors)


class Proxy:
    """Takes CONNECT and plain requests."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return client.close()
            head += piece
        method, target = head.split(b" ")[:2]
        self.asked.append((method.decode(), target.decode()))
        if method == b"CONNECT":
            host, port = target.decode().split(":")
        else:
            host, port = target.decode().split("/")[2].split(":")
        server = socket.create_connection((host, int(port)))
        if method == b"CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            server.sendall(head.replace(target, b"/" + target.split(b"/", 3)[3], 1))
        for one, other in [(client, server), (server, client)]:
            threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    def copy(self, one, other):
        try:
            while piece := one.recv(65536):
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@case
def proxies(folder):
    hub, plain_hub, proxy = Hub(model(), tls="here.pem"), Hub(model()), Proxy()
    address = f"http://127.0.0.1:{proxy.port}"
    for number, (server, env, uses) in enumerate(
        [
            (hub, {"https_proxy": address, "no_proxy": ""}, True),
            (hub, {"HTTPS_PROXY": address, "no_proxy": ""}, True),
            (hub, {"https_proxy": address, "no_proxy": "127.0.0.1"}, False),
            (hub, {"https_proxy": address, "no_proxy": "*"}, False),
            (plain_hub, {"http_proxy": address, "no_proxy": ""}, True),
            (plain_hub, {"all_proxy": address, "no_proxy": ""}, True),
        ]
    ):
        proxy.asked.clear()
        run = percept(server, folder / str(number), env={"SSL_CERT_FILE": str(TLS / "here.pem"), **env})
        expect(run.status == 0, env, run.errors)
        expect(bool(proxy.asked) == uses, env, proxy.asked)
