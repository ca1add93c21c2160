"""A web server on the loopback interface that misbehaves as told."""

import hashlib
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Files by path, and for each path what goes wrong with the next requests.

    files: path → bytes; Range and If-Range are answered, the ETag is the content's hash.
    trouble: path → a list; each request takes its first entry: a status (503), ("status", headers), ("cut", n) to break
        off after n bytes, ("stall", n) to say nothing more after n bytes, "whole" to ignore Range, "bare" to give no
        version, "unknown" to give no length, ("extra", n) to claim n bytes more than there are, "gate" to wait for `gate`.
    requests: (path, headers) of all that came, in order. full: how many whole files were sent.
    """

    def __init__(self):
        self.files, self.trouble, self.requests, self.full = {}, {}, [], 0
        self.came, self.gate, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.url = ""

    def paths(self):
        return [path for path, _ in self.requests]

    def ranges(self):
        return [headers.get("Range") for _, headers in self.requests]

    def put(self, path, data, *trouble):
        self.files[path] = data
        self.trouble[path] = list(trouble)
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.server.site
        site.requests.append((self.path, dict(self.headers)))
        site.came.set()
        pending = site.trouble.get(self.path)
        how = pending.pop(0) if pending else None
        kind, value = how if isinstance(how, tuple) else (how, None)
        if isinstance(kind, int):
            self.status(kind, value or {})
        elif self.path not in site.files:
            self.status(404, {})
        else:
            self.content(site, site.files[self.path], kind, value)

    def status(self, code, headers):
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def content(self, site, data, kind, value):
        version = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        asked = self.headers.get("Range")
        fresh = self.headers.get("If-Range") in (None, version)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if asked and fresh and kind != "whole":
            if start >= len(data):
                self.status(416, {})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            start = 0
            self.send_response(200)
        body = data[start:]
        if kind != "bare":
            self.send_header("ETag", version)
        if kind == "unknown":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body) + (value if kind == "extra" else 0)))
        self.end_headers()
        if kind in ("cut", "stall", "extra"):
            self.wfile.write(body[:value] if kind != "extra" else body)
            self.wfile.flush()
            if kind == "stall":
                site.ended.wait(20)
            self.close_connection = True
            return
        if kind == "gate":
            site.gate.wait(20)
        self.wfile.write(body)
        site.full += start == 0


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that goes away is part of the game."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving():
    """A running `Site`."""
    site = Site()
    server = Server(("127.0.0.1", 0), Handler)
    server.site = site
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
