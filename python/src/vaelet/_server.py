"""The files that a widget needs, from this process to browsers on this machine.

A notebook's page cannot read the kernel's files, so that a small server gives it the element and the folders of
models that were shown, and nothing else. Its addresses begin with a secret, because other pages could ask too.
"""

import secrets
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).parent / "site"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm", ".png": "image/png", ".jpg": "image/jpeg"}


class Server:
    """Serves folders at `{address}{name}/`."""

    def __init__(self):
        secret = secrets.token_urlsafe(16)
        self._folders = {}
        folders = self._folders

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                file = _file(folders, secret, self.path)
                if file is None:
                    self.send_error(404)
                    return
                body = file.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", _TYPES.get(file.suffix, "application/octet-stream"))
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
                self.send_header("Cache-Control", "no-cache")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/{secret}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def add(self, folder):
        """The address of a folder."""
        folder = Path(folder).resolve()
        for name, known in self._folders.items():
            if known == folder:
                return f"{self.address}{name}/"
        name = str(len(self._folders))
        self._folders[name] = folder
        return f"{self.address}{name}/"


def _file(folders, secret, path):
    """The file at an address, if it is one of a folder that is served."""
    parts = unquote(urlsplit(path).path).split("/")
    if len(parts) < 4 or not secrets.compare_digest(parts[1].encode(), secret.encode()) or parts[2] not in folders:
        return None
    folder = folders[parts[2]]
    file = folder.joinpath(*parts[3:]).resolve()
    return file if file.is_relative_to(folder) and file.is_file() else None


@cache
def server():
    """The server of this process, which starts with the first question."""
    return Server()
