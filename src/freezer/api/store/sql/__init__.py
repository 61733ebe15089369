"""Records in SQLite, PostgreSQL or MariaDB (and MySQL), through SQLAlchemy Core."""
