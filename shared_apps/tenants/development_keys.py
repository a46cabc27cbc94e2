"""The keys of ``make run``: in the repository for all to read, and so refused in the open."""

SECRET_KEY = "development-only-" + "x" * 50
MASTER_KEY = b"d" * 32
