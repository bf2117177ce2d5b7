"""Backups in a bucket of any S3-compatible store, for servers whose disk may be lost as a whole."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from wce.config import Settings
from wce.core.vault import FolderVault, Vault, disk_error, missing, vault_path
from wce.errors import WceError

_SECONDS: Final = 20
_SMALL: Final = 64 * 1024  # bytes that `read` takes of an object, whatever the store sends
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class BucketVault:
    """Objects under `{prefix}/{cenv}/{name}`; an upload is whole or not there at all."""

    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.backup_s3_url)
        self._bucket, _, prefix = parts.path.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        # Loaded only where a bucket is set: it takes a third of a second and 30 MiB.
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"max_attempts": 3}, s3={"addressing_style": "path"}
        )
        # In the thread that asks: those of a pool have to come to their end before the process can.
        self._transfer: Any = importlib.import_module("boto3.s3.transfer").TransferConfig(use_threads=False)
        self._failure: tuple[type[Exception], ...] = (
            importlib.import_module("botocore.exceptions").BotoCoreError,
            importlib.import_module("botocore.exceptions").ClientError,
            importlib.import_module("boto3.exceptions").Boto3Error,
            RecursionError,  # botocore follows a redirect that leads back to itself as long as there is stack
        )
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            aws_access_key_id=settings.backup_s3_key,
            aws_secret_access_key=settings.backup_s3_secret,
            region_name=settings.backup_s3_region,
            config=config,
        )

    def put(self, cenv: str, name: str, source: Path) -> None:
        """In parts where the file is large."""
        with self._told():
            self._client.upload_file(str(source), self._bucket, self._key(cenv, name), Config=self._transfer)

    def write(self, cenv: str, name: str, content: bytes) -> None:
        """A few bytes."""
        with self._told():
            self._client.put_object(Bucket=self._bucket, Key=self._key(cenv, name), Body=content)

    def get(self, cenv: str, name: str, target: Path) -> None:
        """Straight to the disk."""
        with self._told():
            self._client.download_file(self._bucket, self._key(cenv, name), str(target), Config=self._transfer)

    def read(self, cenv: str, name: str) -> bytes:
        """A small object."""
        with self._told(), closing(self._client.get_object(Bucket=self._bucket, Key=self._key(cenv, name))["Body"]) as body:
            found: bytes = body.read(_SMALL)
        return found

    def names(self, cenv: str) -> list[str]:
        """What is kept of a cenv."""
        folder = self._key(cenv, "")
        with self._told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
            return sorted(item["Key"].removeprefix(folder) for page in pages for item in page.get("Contents", ()))

    def delete(self, cenv: str, name: str) -> None:
        """Harmless when it is gone already."""
        with self._told():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(cenv, name))

    def _key(self, cenv: str, name: str) -> str:
        return f"{self._prefix}{cenv}/{name}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._failure as error:
            response = getattr(error, "response", None) or {}  # None where the connection was lost
            if response.get("Error", {}).get("Code") in _GONE:
                raise missing() from error
            raise WceError("busy", "The store for backups does not work as it should.", retry_after=60, evidence=str(error)) from error
        except OSError as error:
            raise disk_error(error, "The backup cannot be read or written here") from error


def open_vault(settings: Settings) -> Vault:
    """The bucket where one is set, else the folder."""
    return BucketVault(settings) if settings.backup_s3_url else FolderVault(vault_path(settings))
