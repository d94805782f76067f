"""Where Alembic runs the steps: on the connection that ``storage.migrate`` hands over."""

from alembic import context

from jobsched.storage.migrate import VERSION_TABLE
from jobsched.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
