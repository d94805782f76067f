"""When a run is made: now, but of a web job's runs no two in the same step of their ids.

Kudu's interfaces name runs by this moment (``webjobs.runids``), in steps of 100 microseconds.
"""

_CREATED = """
CASE WHEN {task} = 'WebJob' THEN coalesce((
    SELECT r.created_us / 100 * 100 + 100 FROM runs r
    WHERE r.id = (SELECT max(m.id) FROM runs m WHERE m.job_key = {job_key})
        AND r.created_us / 100 * 100 + 100 > {now}), {now})
ELSE {now} END
"""


def created(task: str, job_key: str, now: str) -> str:
    """Return the SQL of the moment at which a run of *job_key* is made.

    The arguments are expressions for task, number of the job and microseconds; *now* appears
    three times.
    """
    text = _CREATED.strip().replace("{task}", task)
    return text.replace("{job_key}", job_key).replace("{now}", now)
