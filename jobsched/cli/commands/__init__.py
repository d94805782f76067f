"""The commands that ask a server: a module for each noun, named in COMMANDS of cli.tree."""
