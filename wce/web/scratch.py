"""The folder for temporary files, in which large bodies and answers wait."""

from __future__ import annotations

import os
import tempfile

from wce.log import LOGGER


def folder() -> str:
    """Where it is now: another one where that of the start is gone, as it is where something removes what seems old to it.

    FileNotFoundError where no file can be made anywhere.
    """
    found = tempfile.gettempdir()
    if os.path.isdir(found):
        return found
    tempfile.tempdir = None  # Python then looks for one again, for itself and for every library
    found = tempfile.gettempdir()
    LOGGER.warning("folder for temporary files is gone", extra={"now": found})
    return found
