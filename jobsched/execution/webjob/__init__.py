"""How the script of a web job becomes a process: ``launch`` is the program that becomes it."""
