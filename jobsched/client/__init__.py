"""A client of the server's HTTP interface: the standard library only, nothing of the server.

It starts fast, so that a shell script may call it often. The modules are imported by whoever
needs them; this one imports nothing.
"""
