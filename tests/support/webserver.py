"""A real web process over a few routes behind the gate, for tests of the server alone.

``python -m tests.support.webserver THREADS`` prints its address and serves until TERM.
"""

import signal
import sys
import threading
from dataclasses import dataclass

from flask import Flask, request

from jobsched.web import gate, peers, server
from tests.support.web import GateSettings, Tokens


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    web_threads: int


def application() -> Flask:
    """Return a few routes; the peer must really be a process of our own user."""
    from jobsched.web import problems

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
    listener = server.listen("127.0.0.1", 0)
    sys.stdout.write(server.url_of(listener) + "\n")
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = ServerSettings(web_threads=int(sys.argv[1]))
    server.run(settings, listener, application, lambda: None, threading.Event())


if __name__ == "__main__":
    main()
