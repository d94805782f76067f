"""Run objects for web hooks: the same as the Kudu interface answers, made outside of a request."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from jobsched.model import Run
from jobsched.operations import Operations
from jobsched.web.context import EXTENSION
from jobsched.web.kudu import shapes


class RunObjects:
    """Makes run objects whose links begin with a base URL of the caller's choice."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._app = Flask("jobsched", static_folder=None)
        self._app.extensions[EXTENSION] = operations

    def __call__(self, run: Run, base_url: str) -> Mapping[str, Any] | None:
        """Return the object of *run*; None when its web job is gone."""
        store, job_id = self._operations.store, run.job_id or ""
        webjob, job = store.webjobs.get(job_id), store.jobs.get(job_id)
        if webjob is None or job is None:
            return None
        # The shapes make their links from the request at hand: here it is the subscription's.
        with self._app.test_request_context("/", base_url=base_url):
            return shapes.run_body(webjob, job, run)
