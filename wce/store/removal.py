"""The end of a cenv for those who still have it open."""

from __future__ import annotations

from wce.errors import WceError
from wce.log import LOGGER
from wce.store.session import Session
from wce.store.sqlite import sqlite3
from wce.store.transaction import begin


def shut_out_writers(session: Session, wait_seconds: float) -> None:
    """Wait for the writers of all processes, for so long at most, and keep them out until the transaction ends; a damaged file has none."""
    try:
        begin(session, wait_seconds)
    except WceError as error:
        if error.code != "cenv_damaged":
            raise


def leave_word(session: Session) -> None:
    """Let other processes that have a removed file open see with their next read that it is a cenv no more."""
    try:
        session.execute("DELETE FROM _wce_state")
        session.execute("PRAGMA application_id=0")
        session.execute("COMMIT")
    except (WceError, sqlite3.Error) as error:  # a damaged file, a full disk: they look by themselves, a little later
        LOGGER.warning("cenv removed without a word", extra={"cenv": session.cenv, "reason": str(error)})
