"""What the calls about whole cenvs take."""

from __future__ import annotations

from wce.web import bodies


class Deletion(bodies.Confirmation):
    """The owner confirms: `confirm` is the cenv's id."""

    confirm: str


class Return(bodies.Credentials):
    """The owner's name and password, for a cenv in which nobody can sign in any more."""

    cenv_id: str
