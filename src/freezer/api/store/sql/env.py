"""What Alembic runs around every migration."""

from __future__ import annotations

from alembic import context

from freezer.api.store.sql.migrate import VERSION_TABLE
from freezer.api.store.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
