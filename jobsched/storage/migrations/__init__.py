"""The numbered steps from one shape of the database to the next (Alembic).

They lead forward only: the way back is the copy that is made before a file is upgraded.
"""
