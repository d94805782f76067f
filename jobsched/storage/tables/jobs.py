"""Jobs, and what more is known of services and web jobs."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from jobsched.storage.tables.base import Key, Time, metadata

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
