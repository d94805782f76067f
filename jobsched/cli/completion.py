"""``jobsched completion``: the script that lets a shell complete commands and options.

The scripts know nothing: at each TAB they ask ``jobsched completion words``, so that they fit
whichever version is installed.
"""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator, Sequence
from typing import Any

from jobsched.cli.codes import OK
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands

_BASH = """\
_jobsched() {
    local IFS=$'\\n'
    COMPREPLY=($(jobsched completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _jobsched jobsched
"""
_ZSH = """\
#compdef jobsched
_jobsched() {
    local -a found
    found=("${(@f)$(jobsched completion words -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
# Read as a file of fpath, this is the function itself; read by source, it is to be announced.
if [ "$funcstack[1]" = _jobsched ]; then _jobsched "$@"; else compdef _jobsched jobsched; fi
"""
_FISH = """\
function __jobsched_words
    set -l before (commandline -opc)
    jobsched completion words -- $before[2..-1] (commandline -ct) 2>/dev/null
end
complete -c jobsched -f -a '(__jobsched_words)'
complete -c jobsched -F -n 'test -z (__jobsched_words | string collect)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    verbs = base.noun(commands, name, about, 'eval "$(jobsched completion bash)"')
    for shell in SCRIPTS:
        example = f"jobsched completion {shell} > FILE"
        base.command(verbs, shell, _print, f"print the script for {shell}", example)
    about = "print what may stand for the last word of a command line"
    example = "jobsched completion words -- runs l"
    parser = base.command(verbs, "words", _words, about, example)
    parser.add_argument("line", metavar="WORD", nargs="*", help="the words after jobsched")


def candidates(parser: ArgumentParser, line: Sequence[str]) -> list[str]:
    """Return what may stand for the last word of *line*: commands, verbs, options, choices."""
    *before, begun = line or [""]
    last = ""
    for word in before:
        parser, last = _commands(parser).get(word, parser), word
    wanting = _option(parser, last)
    if wanting is not None:
        found = [str(choice) for choice in wanting.choices or ()]
    elif begun.startswith("-"):
        found = [text for action in parser._actions for text in action.option_strings]
    else:
        found = list(_commands(parser)) or list(_choices(parser))
    return sorted({text for text in found if text.startswith(begun)})


def _print(arguments: Namespace) -> int:
    print(SCRIPTS[arguments.verb], end="")
    return OK


def _words(arguments: Namespace) -> int:
    from jobsched.cli import tree

    for text in candidates(tree.parser(), arguments.line):
        print(text)
    return OK


def _commands(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            return dict(action.choices)
    return {}


def _option(parser: ArgumentParser, word: str) -> Any:
    """Return the option *word* if a value follows it, else None."""
    found = parser._option_string_actions.get(word)
    return None if found is None or found.nargs == 0 else found


def _choices(parser: ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if not action.option_strings:
            yield from map(str, action.choices or ())
