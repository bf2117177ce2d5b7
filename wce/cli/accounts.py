"""The users of a cenv, for the operator of the server."""

from __future__ import annotations

from dataclasses import asdict

import click

from wce.cli.desk import Command, Desk, table
from wce.core import operator, users
from wce.core.settings import Config
from wce.core.users import User
from wce.model import Role

_ROLES = click.Choice([role.value for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER)])


@click.group("user")
def user() -> None:
    """The users of a cenv: list, add, password, role. All work beside a running server and take effect with its next request."""


@user.command("list", cls=Command)
@click.argument("cenv")
@click.pass_obj
def list_users(desk: Desk, cenv: str) -> None:
    """List all accounts of a CENV.

    \b
    Example: python -m wce user list 3f2a
    """
    with desk.session(cenv) as session:
        found = users.list_users(session)
    rows = [(item.user_id, item.username, item.role.value, item.email, "yes" if item.enabled else "no") for item in found]
    desk.show({"users": [asdict(item) for item in found]}, lambda: table(("ID", "NAME", "ROLE", "E-MAIL", "ENABLED"), rows))


@user.command("add", cls=Command)
@click.argument("cenv")
@click.argument("username")
@click.option("--role", type=_ROLES, default=Role.VIEWER.value, show_default=True, help="Never owner: for that, use user role.")
@click.option("--email", help="An e-mail address, if there is one.")
@click.password_option(help="Asked for if not given.")
@click.pass_obj
def add(desk: Desk, cenv: str, username: str, role: str, email: str | None, password: str) -> None:
    """Make an account for USERNAME in a CENV.

    \b
    Example: python -m wce user add 3f2a grace --role editor
    """
    config = Config(desk.settings.cenv_overrides)
    with desk.session(cenv) as session:
        made = users.create_user(
            session,
            desk.passwords(),
            config.read(session, -1),
            operator.OPERATOR,
            username=username,
            password=password,
            role=Role(role),
            email=email,
        )
    _show(desk, made)


@user.command("password", cls=Command)
@click.argument("cenv")
@click.argument("username")
@click.password_option(help="The new one; asked for if not given.")
@click.pass_obj
def password(desk: Desk, cenv: str, username: str, password: str) -> None:
    """Set a new password for USERNAME, who may be the owner. All their sessions and API keys end.

    \b
    Example: python -m wce user password 3f2a ada
    """
    with desk.session(cenv) as session:
        _show(desk, operator.set_password(session, desk.passwords(), username, password))


@user.command("role", cls=Command)
@click.argument("cenv")
@click.argument("username")
@click.argument("role", type=_ROLES, metavar="ROLE")
@click.pass_obj
def role(desk: Desk, cenv: str, username: str, role: str) -> None:
    """Give USERNAME another ROLE. With owner, they replace the present owner, who becomes an admin.

    \b
    Example: python -m wce user role 3f2a grace owner
    """
    with desk.session(cenv) as session:
        _show(desk, operator.set_role(session, username, Role(role)))


def _show(desk: Desk, made: User) -> None:
    desk.show(asdict(made), lambda: [f"{made.username} ({made.role.value}), id {made.user_id}"])
