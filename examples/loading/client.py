"""The client of `wce/client`, found where these scripts are run as they stand."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from wce.client import ApiError, Client, Result

__all__ = ["ApiError", "Client", "Result"]
