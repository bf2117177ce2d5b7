"""The clients of `wce`, found where these scripts are run as they stand, and what it knows of types of columns."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from wce.client import ApiError, Client, Result
from wce.core.loading import kinds

__all__ = ["ApiError", "Client", "Result", "kinds"]
