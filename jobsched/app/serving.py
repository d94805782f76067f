"""Starting the server: everything that can be refused is refused before anything is forked."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from jobsched import logs
from jobsched.app import claiming, clearing, titles, tokens
from jobsched.app.children import Child
from jobsched.app.notices import notices
from jobsched.app.parent import Parent
from jobsched.app.parts import PARTS, bring_in, live
from jobsched.app.start import Start, read, with_the_others
from jobsched.errors import ConfigurationError
from jobsched.events import Event, publish
from jobsched.operations.announce import Announcer
from jobsched.operations.check import make_private
from jobsched.operations.clients import Clients
from jobsched.settings import Settings
from jobsched.settings.certificate import Certificate
from jobsched.storage import Store
from jobsched.web import gate, server


def prepare(flags: Mapping[str, object], environ: Mapping[str, str]) -> Start:
    """Read settings, catalog and calendars, start logging, bring the database up to date.

    Raises: ConfigurationError with every mistake.
    """
    start = read(flags, environ)
    try:
        make_private(start.settings.data_dir)
        logs.start(start.settings.conf_dir)
    except ConfigurationError as error:
        raise with_the_others(error, flags, environ) from error
    return start


def serve(start: Start) -> int:
    """Start all parts and watch over them until told to stop; return the exit code.

    Raises: ConfigurationError when port, data folder or database cannot be had.
    """
    titles.show("parent")
    settings = start.settings
    certificate = Certificate.of(settings)
    claiming.data_folder(settings.data_dir, settings.node, volatile=settings.volatile)
    listener = server.listen(settings.host, settings.port)
    prepare_database(settings)
    if start.clear:
        clearing.clear(settings)
    _bury_clients(settings)
    _warn(settings)
    bring_in()
    starts = {"web": replace(start, listener=listener, certificate=certificate)}
    children = [
        Child(name=name, main=partial(live, name, starts.get(name, start))) for name in PARTS
    ]
    url = server.url_of(listener, "http" if certificate is None else "https")
    try:
        return Parent(children, lambda: _tell_ready(url)).run()
    finally:
        listener.close()
        _tell("server stopped")


def serve_part(name: str, start: Start) -> int:
    """Be one part of a server whose others were started on their own; return the exit code.

    Raises: ConfigurationError.
    """
    if name == "web":
        start = replace(start, certificate=Certificate.of(start.settings))
    prepare_database(start.settings)
    return live(name, start, lambda: None)


def prepare_database(settings: Settings) -> None:
    """Make or migrate the database; a volatile one is emptied, with all that belongs to it.

    Raises: ConfigurationError when it belongs to a newer version or another program.
    """
    if settings.volatile:
        for path in settings.data_dir.glob("volatile.db*"):
            path.unlink()
        shutil.rmtree(settings.runs_dir, ignore_errors=True)
    Store.open(settings.database_url, migrate=True).close()


def _bury_clients(settings: Settings) -> None:
    """Before anything can start: end what was attached to clients of a server that was killed."""
    store = Store.open(settings.database_url)
    try:
        Clients(store, settings, Announcer(lambda _: None)).bury()
    finally:
        store.close()


def _warn(settings: Settings) -> None:
    """Refuse what is open to other machines, and tell what else is open. Raises as above."""
    store = Store.open(settings.database_url)
    try:
        tokens_exist = store.tokens.any()
    finally:
        store.close()
    gate.refuse_open_bind(settings, tokens_exist, tokens.command(settings))
    for notice in notices(settings, tokens_exist):
        publish(notice)


def _tell_ready(url: str) -> None:
    _tell("server ready", url=url)


def _tell(name: str, **fields: object) -> None:
    publish(Event(name=name, level=logging.INFO, fields=fields))
