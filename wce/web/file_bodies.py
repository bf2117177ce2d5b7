"""What the calls about whole cenvs take."""

from __future__ import annotations

from wce.web import bodies


class Deletion(bodies.Confirmation):
    """The owner says twice what he means: `confirm` is the cenv's id."""

    confirm: str


class Return(bodies.Credentials):
    """The owner's, for a cenv in which nobody can sign in any more."""

    cenv_id: str
