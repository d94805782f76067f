"""Runs, their records and outputs, and what other interfaces say of them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from jobsched.storage.tables.base import Key, Time, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("job_key", BigInteger),  # no foreign key: history outlives its job
    Column("name", String(200), nullable=False),
    Column("task", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("queue", String(64), nullable=False, server_default="default"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("params", Text),
    Column("policy", Text),  # as it was when the run was made
    Column("requested_by", String(200)),
    Column("due_us", Time),
    Column("created_us", Time, nullable=False),
    Column("not_before_us", Time),
    Column("started_us", Time),
    Column("ended_us", Time),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("claim", Integer, nullable=False, server_default="0"),
    Column("retry_of", BigInteger),
    Column("retried_by", BigInteger),
    Column("node", String(64)),
    Column("runner", String(64)),
    Column("boot_id", String(36)),
    Column("stop_us", Time),
    Column("stop_by", String(12)),  # an EndedBy
    Column("stop_reason", Text),
    Column("exit_code", Integer),
    Column("signal", SmallInteger),
    Column("ended_by", String(12)),
    Column("reason", Text),
    Column("successes", Integer, nullable=False, server_default="0"),
    Column("errors", Integer, nullable=False, server_default="0"),
    Column("ignores", Integer, nullable=False, server_default="0"),
    Column("reported", SmallInteger, nullable=False, server_default="0"),  # counted by itself
    Column("open_records", Integer, nullable=False, server_default="0"),  # of which it is the last
    Column("given", SmallInteger, nullable=False, server_default="0"),  # 1: it has got records
    Column("progress", Float),
    Column("progress_text", String(200)),
    Column("cpu_us", BigInteger),
    Column("peak_bytes", BigInteger),
    Column("out_bytes", BigInteger, nullable=False, server_default="0"),
    Column("err_bytes", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
Index("runs_by_job", runs.c.job_key, runs.c.id)
Index(
    "runs_queued",
    runs.c.priority.desc(),
    runs.c.id,
    runs.c.job_key,  # these two let a claim pass over what may not start yet
    runs.c.not_before_us,
    sqlite_where=runs.c.state == "queued",
    postgresql_where=runs.c.state == "queued",
)
Index(
    "runs_alive",
    runs.c.job_key,
    runs.c.state,
    sqlite_where=runs.c.state != "done",
    postgresql_where=runs.c.state != "done",
)
Index(
    "runs_of_shell",
    runs.c.id,
    sqlite_where=runs.c.task == "shell",
    postgresql_where=runs.c.task == "shell",
)
Index(
    "runs_by_retry_of",
    runs.c.retry_of,
    sqlite_where=runs.c.retry_of.is_not(None),
    postgresql_where=runs.c.retry_of.is_not(None),
)
_ON_A_MACHINE = runs.c.state.in_(["starting", "running", "stopping"])
Index(
    "runs_on_machine",
    runs.c.node,
    runs.c.state,
    runs.c.job_key,
    sqlite_where=_ON_A_MACHINE,
    postgresql_where=_ON_A_MACHINE,
)
_OPEN = runs.c.open_records > 0
Index("runs_open", runs.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)

flow_runs = Table(
    "flow_runs",
    metadata,
    Column("run_id", Key, primary_key=True, autoincrement=False),
    Column("type", String(10)),  # a FlowType; null: asked for elsewhere
    Column("flow_id", String(200)),  # these as they were given
    Column("integration_id", String(200)),
    Column("export_id", String(200)),
    Column("import_id", String(200)),
    Column("flow_run_id", BigInteger),  # of which it is a part
    Column("hidden", SmallInteger, nullable=False, server_default="0"),  # deleted when done
)
Index(
    "flow_runs_by_flow_run",
    flow_runs.c.flow_run_id,
    sqlite_where=flow_runs.c.flow_run_id.is_not(None),
    postgresql_where=flow_runs.c.flow_run_id.is_not(None),
)
Index(
    "flow_runs_by_export",
    flow_runs.c.export_id,
    flow_runs.c.run_id,
    sqlite_where=flow_runs.c.export_id.is_not(None),
    postgresql_where=flow_runs.c.export_id.is_not(None),
)
Index(
    "flow_runs_by_import",
    flow_runs.c.import_id,
    flow_runs.c.run_id,
    sqlite_where=flow_runs.c.import_id.is_not(None),
    postgresql_where=flow_runs.c.import_id.is_not(None),
)
Index(
    "flow_runs_hidden",
    flow_runs.c.run_id,
    sqlite_where=flow_runs.c.hidden == 1,
    postgresql_where=flow_runs.c.hidden == 1,
)

records = Table(
    "records",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),  # no foreign key: what is open outlives its run
    Column("number", Integer, nullable=False),  # 0: the whole run
    Column("job_key", BigInteger),
    Column("data", Text),  # JSON; null is JSON's null
    Column("digest", BigInteger, nullable=False),  # of data: equal records are found by it
    Column("state", String(10), nullable=False),  # a RecordState
    Column("last_run_id", BigInteger, nullable=False),
    Column("given_to", BigInteger),
    Column("solved", SmallInteger, nullable=False, server_default="0"),  # by given_to, so far
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("created_us", Time, nullable=False),
    Column("failed_us", Time, nullable=False),  # the last time
    sqlite_autoincrement=True,
)
Index("records_by_number", records.c.run_id, records.c.number, unique=True)
Index("records_by_last_run", records.c.last_run_id, records.c.id)
_GIVEN = records.c.given_to.is_not(None)
Index(  # what one retry has to do among all that its parent left
    "records_by_retry",
    records.c.last_run_id,
    records.c.given_to,
    records.c.id,
    sqlite_where=_GIVEN,
    postgresql_where=_GIVEN,
)

failures = Table(
    "failures",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("record_id", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("code", String(100)),
    sqlite_with_rowid=False,
)
Index("failures_by_record", failures.c.record_id, failures.c.run_id, unique=True)

outputs = Table(
    "outputs",
    metadata,
    Column("run_id", Key, primary_key=True, autoincrement=False),
    Column("out", LargeBinary),
    Column("err", LargeBinary),
    Column("chunks", Text),  # the order of the chunks of both: "o12e5o3"; null when one is empty
)

attached = Table(
    "attached",
    metadata,
    Column("run_id", Key, primary_key=True, autoincrement=False),
    Column("holder", String(150), nullable=False),  # the process that holds the client's connection
)

reports = Table(  # of runs that something else executes
    "reports",
    metadata,
    Column("key", String(64), primary_key=True),  # the reporter's own
    Column("run_id", BigInteger, nullable=False, unique=True),
    Column("state", String(8), nullable=False),  # "open", "lost", "told": the end, by the reporter
    Column("heard_us", Time, nullable=False),
)
Index(
    "reports_open",
    reports.c.heard_us,
    sqlite_where=reports.c.state == "open",
    postgresql_where=reports.c.state == "open",
)
