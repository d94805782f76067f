"""The Flask application: gate, error handling and every interface, over one set of verbs."""

import contextlib
import os

from flask import Blueprint, Flask

from jobsched import operations
from jobsched.app import tokens
from jobsched.app.hints import hints
from jobsched.app.start import Start, configuration_of, read
from jobsched.errors import InvalidInput, JobschedError
from jobsched.operations.check import make_private
from jobsched.storage import Store
from jobsched.storage.switches import CONFIGURATION
from jobsched.web import gate, problems, waiting
from jobsched.web.audit import AuditWriter
from jobsched.web.celigo import celigo
from jobsched.web.commands import commands
from jobsched.web.commands.ending import SHUT_DOWN
from jobsched.web.context import EXTENSION
from jobsched.web.health import health
from jobsched.web.hooks import hooks
from jobsched.web.kudu import kudu
from jobsched.web.native import native
from jobsched.web.vfs import vfs
from jobsched.web.watching import Watcher

INTERFACES: tuple[Blueprint, ...] = (health, native, commands, celigo, hooks, kudu, vfs)
_WAITING_SHARE = 0.75  # of the threads may wait; the others go on answering


def create_app(**flags: object) -> Flask:
    """Return the application of all interfaces.

    *flags* are those of the command line (``conf_dir``, ``tasks_dir``, ...); what they leave out
    is taken from the environment. Scheduler and supervisor run in processes of their own.
    Raises: ConfigurationError.
    """
    app = Flask("jobsched", static_folder=None)
    register(app, **flags)
    return app


def register(app: Flask, **flags: object) -> None:
    """Add all interfaces to *app*, which may be somebody else's; *flags* as for create_app.

    The gate stands before every route of *app*. Raises: ConfigurationError.
    """
    start = read(flags, os.environ)
    make_private(start.settings.data_dir)
    Store.open(start.settings.database_url, migrate=True).close()
    compose(app, start)


def compose(app: Flask, start: Start) -> Flask:
    """Add all interfaces to *app* with what the server was started with; return it.

    Raises: ConfigurationError when other machines could reach it and no token guards it.
    """
    settings, store = start.settings, Store.open(start.settings.database_url)
    gate.refuse_open_bind(settings, store.tokens.any(), tokens.command(settings))
    notify = hints(settings.data_dir)
    configuration = configuration_of(start)
    if store.switches.get(CONFIGURATION):
        # A web part that came up after a reload was forked with what was in force before it.
        with contextlib.suppress(InvalidInput):
            configuration.read_again()
    app.extensions[EXTENSION] = verbs = operations.build(configuration, store, notify)
    with contextlib.suppress(OSError):  # a disk that can only be read is served as it is
        verbs.webjobs.deployments.prepare()
    with contextlib.suppress(JobschedError):  # of what a web part left that was killed
        verbs.clients.bury()
    app.extensions[SHUT_DOWN] = start.shut_down
    problems.install(app)
    gate.install(app, gate.Gate(settings, store.tokens, AuditWriter(store.audit.add)))
    share = int(settings.web_threads * _WAITING_SHARE)
    waiting.install(app, Watcher(store.runs, settings.data_dir, share, start.stopping))
    for interface in INTERFACES:
        app.register_blueprint(interface)
    return app
