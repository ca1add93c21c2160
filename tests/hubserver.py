"""A Hugging Face hub on the loopback: the addresses that huggingface_hub asks for, and nothing more."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Hub:
    """Repositories in memory: `files[repository][name]` are bytes."""

    def __init__(self):
        self.files = {}
        self.private = {}
        self.asked = []
        self.gated = set()
        self.address = ""

    def commit(self, repository):
        """Changes whenever a file does."""
        content = sorted(
            (n, hashlib.sha256(d).hexdigest()) for n, d in self.files[repository].items()
        )
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]


class Handler(BaseHTTPRequestHandler):
    """Answers for the hub of its server."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return self.server.hub

    def log_message(self, *_):
        pass

    def answer(self, code, body=b"", **headers):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.hub.asked.append((self.command, self.path))
        parts = [unquote(part) for part in self.path.split("?")[0].strip("/").split("/")]
        about = parts[:2] == ["api", "models"]
        repository = "/".join(parts[2:4] if about else parts[:2])
        if repository in self.hub.gated:
            self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted.")
        elif repository not in self.hub.files:
            self.answer(404, X_Error_Code="RepoNotFound")
        elif about:
            self.about(repository, parts[5] if parts[4:5] == ["revision"] else "main")
        else:
            self.file(repository, parts[3], "/".join(parts[4:]))

    def do_HEAD(self):
        self.do_GET()

    def about(self, repository, revision):
        commit = self.hub.commit(repository)
        if revision not in {"main", commit}:
            self.answer(404, X_Error_Code="RevisionNotFound")
            return
        siblings = [{"rfilename": name} for name in self.hub.files[repository]]
        self.answer(200, {"id": repository, "sha": commit, "siblings": siblings})

    def file(self, repository, revision, name):
        data, commit = self.hub.files[repository].get(name), self.hub.commit(repository)
        if revision not in {"main", commit}:
            self.answer(404, X_Error_Code="RevisionNotFound")
        elif data is None:
            self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        else:
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            self.answer(200, data, ETag=etag, X_Repo_Commit=commit)

    def do_POST(self):
        self.hub.asked.append((self.command, self.path))
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        parts = self.path.split("?")[0].strip("/").split("/")
        if not self.headers.get("Authorization"):
            self.answer(401, {"error": "Invalid username or password."})
        elif parts[-1] == "create":
            self.create(json.loads(body))
        elif parts[-1] == "validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif parts[-2] == "preupload":
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            files = [{"path": one["path"], **plain} for one in json.loads(body)["files"]]
            self.answer(200, {"files": files})
        elif parts[-2] == "commit":
            self.commit("/".join(parts[2:4]), map(json.loads, body.splitlines()))
        else:
            self.answer(404)

    def create(self, asked):
        name = f"{asked.get('organization')}/{asked['name']}"
        self.hub.files.setdefault(name, {})
        self.hub.private.setdefault(name, asked.get("private") or asked.get("visibility"))
        self.answer(200, {"url": f"{self.hub.address}/{name}", "id": name})

    def commit(self, name, entries):
        for entry in entries:
            if entry["key"] == "file":
                data = base64.b64decode(entry["value"]["content"])
                self.hub.files[name][entry["value"]["path"]] = data
        commit = self.hub.commit(name)
        url = f"{self.hub.address}/{name}/commit/{commit}"
        self.answer(200, {"commitUrl": url, "commitOid": commit, "success": True})


@contextmanager
def serving():
    """A hub, while it runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = hub
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
