"""Machines, rights, switches, and who may and did what; web hooks."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from jobsched.storage.tables.base import Key, Time, metadata

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
