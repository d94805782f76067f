"""The first shape of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attached',
        sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('holder', sa.String(length=150), nullable=False),
        sa.PrimaryKeyConstraint('run_id', name=op.f('pk_attached'))
    )
    op.create_table('audit',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('at_us', sa.BigInteger(), nullable=False),
        sa.Column('who', sa.String(length=200), nullable=False),
        sa.Column('source', sa.String(length=100), nullable=False),
        sa.Column('what', sa.String(length=100), nullable=False),
        sa.Column('target', sa.String(length=200), nullable=True),
        sa.Column('status', sa.SmallInteger(), nullable=False),
        sa.Column('request_id', sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_table('day_counts',
        sa.Column('job_key', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('day', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('ran', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('ended', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('failed', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('late_quantiles', sa.Text(), nullable=True),
        sa.Column('duration_quantiles', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('job_key', 'day', name=op.f('pk_day_counts'))
    )
    op.create_table('deliveries',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('hook_id', sa.String(length=32), nullable=False),
        sa.Column('event', sa.String(length=64), nullable=False),
        sa.Column('job_key', sa.BigInteger(), nullable=True),
        sa.Column('run_id', sa.BigInteger(), nullable=True),
        sa.Column('facts', sa.Text(), nullable=True),
        sa.Column('body', sa.Text(), nullable=True),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('next_us', sa.BigInteger(), nullable=True),
        sa.Column('claims', sa.Integer(), server_default='0', nullable=False),
        sa.Column('node', sa.String(length=64), nullable=True),
        sa.Column('delivered', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('attempts', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
        sqlite_autoincrement=True
    )
    op.create_index('deliveries_by_hook', 'deliveries', ['hook_id', 'id'], unique=False)
    op.create_index('deliveries_due', 'deliveries', ['next_us'], unique=False, sqlite_where=sa.text('next_us IS NOT NULL'), postgresql_where=sa.text('next_us IS NOT NULL'))
    op.create_table('flow_runs',
        sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('type', sa.String(length=10), nullable=True),
        sa.Column('flow_id', sa.String(length=200), nullable=True),
        sa.Column('integration_id', sa.String(length=200), nullable=True),
        sa.Column('export_id', sa.String(length=200), nullable=True),
        sa.Column('import_id', sa.String(length=200), nullable=True),
        sa.Column('flow_run_id', sa.BigInteger(), nullable=True),
        sa.Column('hidden', sa.SmallInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('run_id', name=op.f('pk_flow_runs'))
    )
    op.create_index('flow_runs_by_flow_run', 'flow_runs', ['flow_run_id'], unique=False, sqlite_where=sa.text('flow_run_id IS NOT NULL'), postgresql_where=sa.text('flow_run_id IS NOT NULL'))
    op.create_index('flow_runs_by_export', 'flow_runs', ['export_id', 'run_id'], unique=False, sqlite_where=sa.text('export_id IS NOT NULL'), postgresql_where=sa.text('export_id IS NOT NULL'))
    op.create_index('flow_runs_by_import', 'flow_runs', ['import_id', 'run_id'], unique=False, sqlite_where=sa.text('import_id IS NOT NULL'), postgresql_where=sa.text('import_id IS NOT NULL'))
    op.create_index('flow_runs_hidden', 'flow_runs', ['run_id'], unique=False, sqlite_where=sa.text('hidden = 1'), postgresql_where=sa.text('hidden = 1'))
    op.create_table('hooks',
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('url', sa.String(length=2000), nullable=False),
        sa.Column('login', sa.Text(), nullable=True),
        sa.Column('insecure_ssl', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('events', sa.Text(), nullable=False),
        sa.Column('only_failures', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('base_url', sa.String(length=300), nullable=False),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('last_status', sa.SmallInteger(), nullable=True),
        sa.Column('last_reason', sa.Text(), nullable=True),
        sa.Column('last_us', sa.BigInteger(), nullable=True),
        sa.Column('last_context', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_hooks')),
        sa.UniqueConstraint('url', name=op.f('uq_hooks_url'))
    )
    op.create_table('idempotency',
        sa.Column('scope', sa.String(length=200), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('body_digest', sa.String(length=64), nullable=False),
        sa.Column('result', sa.Text(), nullable=False),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('scope', 'key', name=op.f('pk_idempotency'))
    )
    op.create_index('idempotency_by_age', 'idempotency', ['created_us'], unique=False)
    op.create_table('jobs',
        sa.Column('key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('task', sa.String(length=200), nullable=False),
        sa.Column('mode', sa.String(length=12), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('state_reason', sa.Text(), nullable=True),
        sa.Column('next_us', sa.BigInteger(), nullable=True),
        sa.Column('paused_us', sa.BigInteger(), nullable=True),
        sa.Column('paused_until_us', sa.BigInteger(), nullable=True),
        sa.Column('seen_us', sa.BigInteger(), nullable=True),
        sa.Column('trigger', sa.Text(), nullable=True),
        sa.Column('policy', sa.Text(), nullable=True),
        sa.Column('max_instances', sa.Integer(), server_default='1', nullable=False),
        sa.Column('params', sa.Text(), nullable=True),
        sa.Column('group_name', sa.String(length=200), nullable=True),
        sa.Column('tags', sa.Text(), nullable=True),
        sa.Column('description', sa.Text(), nullable=True),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('updated_us', sa.BigInteger(), nullable=False),
        sa.Column('version', sa.Integer(), server_default='1', nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_jobs')),
        sa.UniqueConstraint('id', name=op.f('uq_jobs_id')),
        sqlite_autoincrement=True
    )
    op.create_index('jobs_wrapped', 'jobs', ['name'], unique=False, sqlite_where=sa.text("task = 'wrapped'"), postgresql_where=sa.text("task = 'wrapped'"))
    op.create_index('jobs_due', 'jobs', ['next_us'], unique=False, sqlite_where=sa.text('next_us IS NOT NULL'), postgresql_where=sa.text('next_us IS NOT NULL'))
    op.create_index('jobs_continuous', 'jobs', ['state', 'key'], unique=False, sqlite_where=sa.text("mode = 'continuous'"), postgresql_where=sa.text("mode = 'continuous'"))
    op.create_table('leases',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('owner', sa.String(length=200), nullable=False),
        sa.Column('epoch', sa.BigInteger(), nullable=False),
        sa.Column('expires_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_leases'))
    )
    op.create_table('nodes',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('boot_id', sa.String(length=36), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('capacity', sa.Integer(), nullable=False),
        sa.Column('started_us', sa.BigInteger(), nullable=False),
        sa.Column('heartbeat_us', sa.BigInteger(), nullable=False),
        sa.Column('facts', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_nodes'))
    )
    op.create_table('occurrences',
        sa.Column('job_key', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('due_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('outcome', sa.String(length=10), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=True),
        sa.Column('late_us', sa.BigInteger(), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('last_us', sa.BigInteger(), nullable=True),
        sa.Column('count', sa.BigInteger(), server_default='1', nullable=False),
        sa.PrimaryKeyConstraint('job_key', 'due_us', name=op.f('pk_occurrences')),
        sqlite_with_rowid=False
    )
    op.create_table('outputs',
        sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('out', sa.LargeBinary(), nullable=True),
        sa.Column('err', sa.LargeBinary(), nullable=True),
        sa.Column('chunks', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('run_id', name=op.f('pk_outputs'))
    )
    op.create_table('reports',
        sa.Column('key', sa.String(length=64), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.String(length=8), nullable=False),
        sa.Column('heard_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_reports')),
        sa.UniqueConstraint('run_id', name=op.f('uq_reports_run_id'))
    )
    op.create_index('reports_open', 'reports', ['heard_us'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('failures',
        sa.Column('run_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('record_id', sa.BigInteger(), nullable=False),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('code', sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint('run_id', 'number', name=op.f('pk_failures')),
        sqlite_with_rowid=False
    )
    op.create_index('failures_by_record', 'failures', ['record_id', 'run_id'], unique=True)
    op.create_table('records',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('job_key', sa.BigInteger(), nullable=True),
        sa.Column('data', sa.Text(), nullable=True),
        sa.Column('digest', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('last_run_id', sa.BigInteger(), nullable=False),
        sa.Column('given_to', sa.BigInteger(), nullable=True),
        sa.Column('solved', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='1', nullable=False),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('failed_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_records')),
        sqlite_autoincrement=True
    )
    op.create_index('records_by_number', 'records', ['run_id', 'number'], unique=True)
    op.create_index('records_by_last_run', 'records', ['last_run_id', 'id'], unique=False)
    op.create_index('records_by_retry', 'records', ['last_run_id', 'given_to', 'id'], unique=False, sqlite_where=sa.text('given_to IS NOT NULL'), postgresql_where=sa.text('given_to IS NOT NULL'))
    op.create_table('runs',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('job_key', sa.BigInteger(), nullable=True),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('task', sa.String(length=200), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('queue', sa.String(length=64), server_default='default', nullable=False),
        sa.Column('priority', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('params', sa.Text(), nullable=True),
        sa.Column('policy', sa.Text(), nullable=True),
        sa.Column('requested_by', sa.String(length=200), nullable=True),
        sa.Column('due_us', sa.BigInteger(), nullable=True),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('not_before_us', sa.BigInteger(), nullable=True),
        sa.Column('started_us', sa.BigInteger(), nullable=True),
        sa.Column('ended_us', sa.BigInteger(), nullable=True),
        sa.Column('attempt', sa.Integer(), server_default='1', nullable=False),
        sa.Column('claim', sa.Integer(), server_default='0', nullable=False),
        sa.Column('retry_of', sa.BigInteger(), nullable=True),
        sa.Column('retried_by', sa.BigInteger(), nullable=True),
        sa.Column('node', sa.String(length=64), nullable=True),
        sa.Column('runner', sa.String(length=64), nullable=True),
        sa.Column('boot_id', sa.String(length=36), nullable=True),
        sa.Column('stop_us', sa.BigInteger(), nullable=True),
        sa.Column('stop_by', sa.String(length=12), nullable=True),
        sa.Column('stop_reason', sa.Text(), nullable=True),
        sa.Column('exit_code', sa.Integer(), nullable=True),
        sa.Column('signal', sa.SmallInteger(), nullable=True),
        sa.Column('ended_by', sa.String(length=12), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('successes', sa.Integer(), server_default='0', nullable=False),
        sa.Column('errors', sa.Integer(), server_default='0', nullable=False),
        sa.Column('ignores', sa.Integer(), server_default='0', nullable=False),
        sa.Column('reported', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('open_records', sa.Integer(), server_default='0', nullable=False),
        sa.Column('given', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('progress', sa.Float(), nullable=True),
        sa.Column('progress_text', sa.String(length=200), nullable=True),
        sa.Column('cpu_us', sa.BigInteger(), nullable=True),
        sa.Column('peak_bytes', sa.BigInteger(), nullable=True),
        sa.Column('out_bytes', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('err_bytes', sa.BigInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_runs')),
        sqlite_autoincrement=True
    )
    op.create_index('runs_alive', 'runs', ['job_key', 'state'], unique=False, sqlite_where=sa.text("state != 'done'"), postgresql_where=sa.text("state != 'done'"))
    op.create_index('runs_by_job', 'runs', ['job_key', 'id'], unique=False)
    op.create_index('runs_by_retry_of', 'runs', ['retry_of'], unique=False, sqlite_where=sa.text('retry_of IS NOT NULL'), postgresql_where=sa.text('retry_of IS NOT NULL'))
    op.create_index('runs_of_shell', 'runs', ['id'], unique=False, sqlite_where=sa.text("task = 'shell'"), postgresql_where=sa.text("task = 'shell'"))
    op.create_index('runs_on_machine', 'runs', ['node', 'state', 'job_key'], unique=False, sqlite_where=sa.text("state IN ('starting', 'running', 'stopping')"), postgresql_where=sa.text("state IN ('starting', 'running', 'stopping')"))
    op.create_index('runs_open', 'runs', ['id'], unique=False, sqlite_where=sa.text('open_records > 0'), postgresql_where=sa.text('open_records > 0'))
    op.create_index('runs_queued', 'runs', [sa.literal_column('priority DESC'), 'id', 'job_key', 'not_before_us'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
    op.create_table('services',
        sa.Column('job_key', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('node', sa.String(length=64), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=True),
        sa.Column('since_us', sa.BigInteger(), nullable=False),
        sa.Column('next_try_us', sa.BigInteger(), nullable=True),
        sa.Column('exits', sa.Integer(), server_default='0', nullable=False),
        sa.Column('restarts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('version', sa.Integer(), server_default='0', nullable=False),
        sa.Column('updated_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('job_key', 'node', name=op.f('pk_services'))
    )
    op.create_table('switches',
        sa.Column('name', sa.String(length=32), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.Column('updated_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_switches'))
    )
    op.create_table('tokens',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('role', sa.String(length=10), nullable=False),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('created_us', sa.BigInteger(), nullable=False),
        sa.Column('expires_us', sa.BigInteger(), nullable=True),
        sa.Column('used_us', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tokens')),
        sa.UniqueConstraint('digest', name=op.f('uq_tokens_digest')),
        sqlite_autoincrement=True
    )
    op.create_table('webjobs',
        sa.Column('job_key', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('type', sa.String(length=10), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('folder', sa.Text(), nullable=False),
        sa.Column('script', sa.Text(), nullable=True),
        sa.Column('settings', sa.Text(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('in_place', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('disabled', sa.SmallInteger(), server_default='0', nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('inputs', sa.Text(), nullable=False),
        sa.Column('deployed_us', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('job_key', name=op.f('pk_webjobs'))
    )
