"""The tables: every fact jobsched keeps. Private to ``storage``.

Instants are integer microseconds since 1970 UTC (``_us``). Enum values are stored as the words
of ``model``. JSON is stored as text: compact, sorted keys, only what differs from a default.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only makes an INTEGER primary key the row's own number.
Key = BigInteger().with_variant(Integer, "sqlite")
Time = BigInteger

jobs = Table(
    "jobs",
    metadata,
    Column("key", Key, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("task", String(200), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("state", String(10), nullable=False),
    Column("state_reason", Text),
    Column("next_us", Time),  # when the cycle looks at it next: a moment, or the end of a pause
    Column("paused_us", Time),  # the first moment that a pause or a block swallows
    Column("paused_until_us", Time),
    Column("seen_us", Time),  # before it the ledger tells everything that the trigger omitted
    Column("trigger", Text),
    Column("policy", Text),
    Column("max_instances", Integer, nullable=False, server_default="1"),
    Column("params", Text),
    Column("group_name", String(200)),
    Column("tags", Text),
    Column("description", Text),
    Column("created_us", Time, nullable=False),
    Column("updated_us", Time, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    sqlite_autoincrement=True,
)
Index(
    "jobs_due",
    jobs.c.next_us,
    sqlite_where=jobs.c.next_us.is_not(None),
    postgresql_where=jobs.c.next_us.is_not(None),
)

Index(
    "jobs_continuous",
    jobs.c.state,
    jobs.c.key,
    sqlite_where=jobs.c.mode == "continuous",
    postgresql_where=jobs.c.mode == "continuous",
)

Index(
    "jobs_wrapped",
    jobs.c.name,
    sqlite_where=jobs.c.task == "wrapped",
    postgresql_where=jobs.c.task == "wrapped",
)

services = Table(
    "services",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64), primary_key=True),
    Column("state", String(10), nullable=False),  # a ServiceState
    Column("run_id", BigInteger),  # the one run that is not done: set and cleared with its row
    Column("since_us", Time, nullable=False),
    Column("next_try_us", Time),
    Column("exits", Integer, nullable=False, server_default="0"),  # quick ones in a row
    Column("restarts", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="0"),  # of the job, as last seen
    Column("updated_us", Time, nullable=False),
)

webjobs = Table(
    "webjobs",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(10), nullable=False),  # a WebJobType
    Column("name", String(255), nullable=False),  # as on disk
    Column("folder", Text, nullable=False),
    Column("script", Text),  # from the folder on; null when there is none
    Column("settings", Text),  # JSON: the whole of settings.job
    Column("error", Text),
    Column("in_place", SmallInteger, nullable=False, server_default="0"),
    Column("disabled", SmallInteger, nullable=False, server_default="0"),  # disable.job was there
    Column("fingerprint", String(64), nullable=False),
    Column("inputs", Text, nullable=False),  # JSON: what trigger and policy were made of
    Column("deployed_us", Time, nullable=False),
)

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

occurrences = Table(
    "occurrences",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("due_us", Time, primary_key=True, autoincrement=False),
    Column("outcome", String(10), nullable=False),  # "omitted": skipped, and no moment at all
    Column("run_id", BigInteger),
    Column("late_us", BigInteger),
    Column("reason", Text),
    Column("last_us", Time),  # the last moment of a stretch
    Column("count", BigInteger, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)

day_counts = Table(
    "day_counts",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970, UTC
    Column("ran", BigInteger, nullable=False, server_default="0"),
    Column("ended", BigInteger, nullable=False, server_default="0"),  # runs, when deleted
    Column("failed", BigInteger, nullable=False, server_default="0"),
    Column("late_quantiles", Text),  # JSON: microseconds at 0.5, 0.95, 0.99, 1
    Column("duration_quantiles", Text),
)

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

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_us", Time, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("boot_id", String(36), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("started_us", Time, nullable=False),
    Column("heartbeat_us", Time, nullable=False),
    Column("facts", Text),  # JSON: supervision layers, runners
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
    Column("role", String(10), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256, hexadecimal
    Column("created_us", Time, nullable=False),
    Column("expires_us", Time),
    Column("used_us", Time),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at_us", Time, nullable=False),
    Column("who", String(200), nullable=False),
    Column("source", String(100), nullable=False),
    Column("what", String(100), nullable=False),
    Column("target", String(200)),
    Column("status", SmallInteger, nullable=False),
    Column("request_id", String(36), nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", String(200), primary_key=True),  # who and which route
    Column("key", String(255), primary_key=True),
    Column("body_digest", String(64), nullable=False),
    Column("result", Text, nullable=False),  # the id of what was made, or JSON of many things
    Column("created_us", Time, nullable=False),
)
Index("idempotency_by_age", idempotency.c.created_us)

switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),  # "pause_all", "scheduler"
    Column("value", Text, nullable=False),  # JSON
    Column("updated_us", Time, nullable=False),
)

hooks = Table(
    "hooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("url", String(2000), nullable=False, unique=True),  # without who calls
    Column("login", Text),  # USER:PASSWORD of basic authentication
    Column("insecure_ssl", SmallInteger, nullable=False, server_default="0"),
    Column("events", Text, nullable=False),  # JSON: a list of words
    Column("only_failures", SmallInteger, nullable=False, server_default="0"),
    Column("base_url", String(300), nullable=False),  # under which its owner knows the server
    Column("created_us", Time, nullable=False),
    Column("last_status", SmallInteger),  # of the newest attempt
    Column("last_reason", Text),
    Column("last_us", Time),
    Column("last_context", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("hook_id", String(32), nullable=False),
    Column("event", String(64), nullable=False),
    Column("job_key", BigInteger),
    Column("run_id", BigInteger),
    Column("facts", Text),  # JSON: what the body is made of beside job and run
    Column("body", Text),  # what is posted, once it has been made
    Column("created_us", Time, nullable=False),
    Column("next_us", Time),  # of the next attempt; null when there will be none
    Column("claims", Integer, nullable=False, server_default="0"),  # attempts that were begun
    Column("node", String(64)),  # whose attempt is under way
    Column("delivered", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", Text),  # JSON: [{"at_us", "status", "reason", "seconds"}], oldest first
    sqlite_autoincrement=True,
)
Index("deliveries_by_hook", deliveries.c.hook_id, deliveries.c.id)
Index(
    "deliveries_due",
    deliveries.c.next_us,
    sqlite_where=deliveries.c.next_us.is_not(None),
    postgresql_where=deliveries.c.next_us.is_not(None),
)

__all__ = [
    "attached", "audit", "day_counts", "deliveries", "failures", "flow_runs", "hooks",
    "idempotency", "jobs", "leases", "metadata", "nodes", "occurrences", "outputs", "records",
    "reports", "runs", "services", "switches", "tokens", "webjobs",
]  # fmt: skip
