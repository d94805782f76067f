"""The page that ``extra_info_url`` names: every job in one table, each with its anchor.

Kudu's own address is ``/azurejobs/#/jobs/TYPE/NAME``; the part behind # never reaches a server, so
each row has it as its id.
"""

from html import escape

from flask import Response

from jobsched.model import WebJobType
from jobsched.web.kudu import finding
from jobsched.web.kudu.blueprint import route
from jobsched.web.kudu.shapes import Body, job_bodies
from jobsched.web.openapi import describes

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Web jobs</title></head><body>
<h1>Web jobs</h1>
<table><thead><tr><th>Name</th><th>Type</th><th>Status</th><th>Command</th><th>Log</th></tr></thead>
<tbody>{rows}</tbody></table></body></html>
"""


@route("GET", ("/azurejobs",), "/")
@describes(answers={200: "text/html"})
def show_dashboard() -> Response:
    """Show all jobs to people."""
    rows = "".join(_row(body) for body in job_bodies(finding.of_kinds(*WebJobType)))
    return Response(_PAGE.format(rows=rows), content_type="text/html; charset=utf-8")


def _row(body: Body) -> str:
    anchor = body["extra_info_url"].partition("#")[2]
    run = body.get("latest_run") or {}
    status = body.get("status") or run.get("status") or "never run"
    log = body.get("log_url") or run.get("output_url")
    cells = (
        _link(body["url"], body["name"]), body["type"], status, escape(body["run_command"] or "-"),
        _link(log, "log") if log else "-",
    )  # fmt: skip
    return f'<tr id="{escape(anchor)}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n'


def _link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'
