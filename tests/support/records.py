"""Tasks whose records fail on purpose, for tests of what is retried."""

from typing import Any

from tests.support.server import Server

CATALOG = """
[customers]
file=customers.py
class=Customers
jobsched.params=wrong, exit, silent, by

[forked]
file=customers.py
class=Customers
jobsched.isolation=fork
jobsched.params=wrong, exit, silent, by

[again]
file=customers.py
class=Customers
jobsched.retries=1
jobsched.retries.backoff=0
jobsched.params=wrong, exit, silent, by

[forks]
file=customers.py
class=Forks

[script]
file=runscript.py
class=RunScript
script=records.sh
"""
CODE = '''
class Customers:
    """Customers 1 to 1,000, or those to try again.

    ``wrong`` has for each attempt the numbers that go wrong.
    """

    def __call__(self, info):
        every = info.params.get("wrong") or []
        wrong = set(every[info.attempt - 1] if info.attempt <= len(every) else ())
        given = [customer["id"] for customer in info.records] or range(1, 1001)
        numbers = dict(zip(given, info.record_ids))
        for number in () if info.params.get("silent") else given:
            record = numbers.get(number) if info.params.get("by") == "id" else None
            if number in wrong:
                data = None if record else {"id": number}
                info.error(f"no customer {number}", data, code="E404", record=record)
            else:
                info.success(record=record)
        print("customers", *given if len(given) < 50 else [len(given)])
        if info.params.get("exit"):
            raise SystemExit(info.params["exit"])
'''
CODE += """

class Forks:
    def __call__(self, info):
        import os
        child = os.fork()
        if child == 0:
            info.success(3)
            info.error("in the child", "child")
            os._exit(0)
        os.waitpid(child, 0)
        info.success(2)
        info.error("in the parent", "parent")
"""
TASKS = {"customers.py": CODE}
# Fails for what its parameter names: everything of five at first, then what it is given.
SCRIPT = """#!/bin/bash
if [ -n "$JOBSCHED_RECORDS" ]; then
    cat "$JOBSCHED_RECORDS"
else
    "$JOBSCHED_RECORD" --success 3
    for name in a b; do
        "$JOBSCHED_RECORD" --error "no $name" --data "{\\"name\\": \\"$name\\"}" --code E1
    done
    echo '{"status": "error", "message": "no c", "data": "c"}' >> "$JOBSCHED_REPORT"
    echo '{"status": "ignore", "count": 2}' >> "$JOBSCHED_REPORT"
fi
"""
FILES = {"records.sh": SCRIPT}


def records(server: Server, run: int, **query: Any) -> list[dict[str, Any]]:
    """Return what failed in *run*, over all pages."""
    url: str | None = f"/runs/{run}/records"
    found: list[dict[str, Any]] = []
    while url:
        response = server.get(url, params=query)
        assert response.status_code == 200, response.text
        body = response.json()
        found += body["values"]
        url, query = body["next"], {}
    return found


def retry(server: Server, path: str) -> int:
    """Retry what is at *path*, a run or a record; return the new run."""
    response = server.post(f"{path}/retry")
    assert response.status_code == 202, response.text
    run: int = response.json()["id"]
    return run


def counts(row: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many records of a run went well, are failed, were passed over."""
    found = row["counts"]
    return found["success"], found["error"], found["ignore"]
