"""The command line: `python -m wce …` or `flask wce …`. What each command may do beside a running server stands in its help."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from wce.cli import accounts, cenvs, files, server
from wce.cli.desk import Desk
from wce.config import SettingError, from_environment
from wce.store.descriptors import fill_standard

_EPILOG: Final = """
\b
Settings come from the environment, as the server's do (docs/settings.md); the folder is WCE_STORAGE_DIR.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 a check found something wrong.
"""


class _Commands(click.Group):
    """Keeps the commands in the order in which they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
@click.pass_context
def wce(context: click.Context, /, **options: Any) -> None:
    """Cenvs, their users and their files, from the command line.

    A CENV is its id, or the first characters of it if they match only one.
    """
    try:
        settings = from_environment(os.environ)
    except SettingError as error:
        raise click.UsageError(str(error)) from error
    context.obj = context.with_resource(Desk(settings, dict(os.environ), as_json=options["as_json"]))


for _command in (*cenvs.COMMANDS, accounts.user, *files.COMMANDS, *server.COMMANDS):
    wce.add_command(_command)


def main() -> None:
    """The entry of `python -m wce`."""
    fill_standard()
    wce(prog_name="python -m wce")
