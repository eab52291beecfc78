"""A script by which a shell completes commands, options and their values.

source <(rfgraph completion bash)                       in ~/.bashrc
source <(rfgraph completion zsh)                        in ~/.zshrc, after compinit
rfgraph completion fish > ~/.config/fish/completions/rfgraph.fish
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.cli.output import emit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rfgraph.cli.parser import Parser

FORMATS = ("text",)
SHELLS = ("bash", "zsh", "fish")

# zsh runs it too, by its emulation of bash's completion.
_BASH = """\
[ -z "${{ZSH_VERSION-}}" ] || {{ autoload -Uz bashcompinit && bashcompinit; }}
_rfgraph() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command=${{COMP_WORDS[1]}} chosen= word
    case "$command:$previous" in
{values}
    esac
    if [ -z "$chosen" ]; then
        case "$current" in
            -*) case "$command" in
{options}
            esac ;;
            *) [ "$COMP_CWORD" -gt 1 ] || chosen='{commands}' ;;
        esac
    fi
    COMPREPLY=()
    for word in $chosen; do
        case "$word" in "$current"*) COMPREPLY+=("$word") ;; esac
    done
    if [ ${{#COMPREPLY[@]}} -eq 0 ]; then
        local IFS=$'\\n'
        COMPREPLY=( $(compgen -f -- "$current") )
    fi
}}
complete -o filenames -F _rfgraph rfgraph
"""


class Option(NamedTuple):
    """An option of a command: its names, what it says, the values to choose from if it has any."""

    names: tuple[str, ...]
    text: str
    choices: tuple[str, ...]
    takes_value: bool


def add_arguments(parser: Parser) -> None:
    """Add the shell."""
    parser.add_argument("shell", choices=SHELLS, help="whose script to write")
    parser.set_defaults(format=FORMATS[0], output=None)


def run(options: argparse.Namespace) -> int:
    """Write the script."""
    emit(options, fish() if options.shell == "fish" else bash())
    return 0


def commands() -> Iterator[tuple[str, str, list[Option]]]:
    """Yield each command, what it is for and its options; last the report of a model, unnamed."""
    from rfgraph.cli.parser import COMMANDS, MODEL, parser_of

    for name, text in (*COMMANDS.items(), ("", "")):
        actions = parser_of(name or MODEL)._actions
        yield name, text, [_option(action) for action in actions if action.option_strings]


def _option(action: argparse.Action) -> Option:
    choices = tuple(map(str, action.choices or ()))
    text = "" if action.help is None else action.help.replace("%%", "%")
    return Option(tuple(action.option_strings), text, choices, action.nargs != 0)


def bash() -> str:
    """Return the script for bash and zsh."""
    options, values, names = [], [], []
    for name, _, known in commands():
        case = name or "*"
        words = " ".join(option for item in known for option in item.names)
        options.append(f"                {case}) chosen={shlex.quote(words)} ;;")
        names.append(name)
        for item in known:
            if item.choices:
                case_of = "|".join(f"{case}:{option}" for option in item.names)
                words = shlex.quote(" ".join(item.choices))
                values.append(f"        {case_of}) chosen={words} ;;")
    return _BASH.format(
        values="\n".join(values), options="\n".join(options), commands=" ".join(names).strip()
    )


def fish() -> str:
    """Return the script for fish."""
    lines = []
    every = list(commands())
    others = " ".join(name for name, _, _ in every if name)
    for name, text, known in every:
        at = f"{'' if name else 'not '}__fish_seen_subcommand_from {name or others}"
        if name:
            lines.append(f"complete -c rfgraph -n __fish_use_subcommand -a {name} -d {_fish(text)}")
        lines.extend(f"complete -c rfgraph -n {_fish(at)} {_fish_option(item)}" for item in known)
    return "\n".join(lines) + "\n"


def _fish_option(item: Option) -> str:
    names = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in item.names
    )
    values = f" -x -a {_fish(' '.join(item.choices))}" if item.choices else ""
    return f"{names}{values or ' -r' * item.takes_value} -d {_fish(item.text)}"


def _fish(text: str) -> str:
    """Quote for fish, where a backslash escapes in single quotes too."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
