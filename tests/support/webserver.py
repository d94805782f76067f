"""A real web process over a few routes behind the gate, for tests of the server alone.

``python -m tests.support.webserver THREADS [FOLDER]`` prints its address and serves until TERM;
with a FOLDER the native API over a new database there. CERT_FILE and KEY_FILE in the environment
make it speak TLS.
"""

import os
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, request

from jobsched.settings.certificate import Certificate
from jobsched.web import gate, peers, problems, server, waiting
from jobsched.web.health import health
from jobsched.web.watching import Watcher
from tests.support.native import Native, native_api
from tests.support.web import GateSettings, Tokens


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    web_threads: int


def application() -> Flask:
    """Return a few routes; the peer must really be a process of our own user."""
    app = Flask("served", static_folder=None)
    problems.install(app)
    guardian = gate.Gate(GateSettings(), Tokens(), lambda _row: None, peers.is_own)
    gate.install(app, guardian)
    app.add_url_rule("/healthz", "health.healthz", lambda: "ok")
    app.add_url_rule("/things", "things", lambda: gate.principal().name)
    app.add_url_rule("/jobs/<name>", "job", lambda name: name)

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    @app.get("/slow")
    def slow() -> str:
        threading.Event().wait(float(request.args["seconds"]))
        return "slept"

    return app


def main() -> None:
    """Serve on a free port of 127.0.0.1."""
    threads, *folder = sys.argv[1:]
    listener = server.listen("127.0.0.1", 0)
    certificate = None
    if "CERT_FILE" in os.environ:
        certificate = Certificate(Path(os.environ["CERT_FILE"]), Path(os.environ["KEY_FILE"]))
    scheme = "http" if certificate is None else "https"
    sys.stdout.write(server.url_of(listener, scheme) + "\n")
    sys.stdout.flush()
    settings = ServerSettings(web_threads=int(threads))
    stopping = threading.Event()
    with ExitStack() as stack:
        api = stack.enter_context(native_api(Path(folder[0]))) if folder else None

        def factory() -> Flask:
            return _waiting(api, stopping) if api else application()

        server.run(settings, listener, factory, lambda: None, stopping, certificate)


def _waiting(api: Native, stopping: threading.Event) -> Flask:
    """Return the native API, in which four requests may wait until the server stops."""
    watcher = Watcher(api.store.runs, api.settings.data_dir, share=4, stopping=stopping)
    waiting.install(api.app, watcher)
    api.app.register_blueprint(health)
    return api.app


if __name__ == "__main__":
    main()
