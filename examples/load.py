"""Load a SQLite database or a CSV file into a cenv, through its HTTP API.

python examples/load.py --url http://127.0.0.1:5309 --cenv CENV --username NAME FILE
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPException
from pathlib import Path

import click
from loading import csv_file, sqlite_file
from loading.client import ApiError, Client
from loading.source import Source, SourceError, Table, batches, quote, statement


class LoadError(Exception):
    """Why the file cannot be loaded into this cenv."""


def existing_objects(client: Client) -> set[str]:
    """The folded names of everything in the cenv's schema."""
    return {str(row[0]).lower() for row in client.query("SELECT name FROM sqlite_master", as_lists=True).rows}


def make_schema(client: Client, source: Source, *, resume: bool) -> set[str]:
    """Create the tables, and the unique indexes that foreign keys may need, in one transaction; returns what was there before."""
    there = existing_objects(client)
    taken = [table.name for table in source.tables if table.name.lower() in there]
    if taken and not resume:
        raise LoadError(f"already in this cenv: {', '.join(taken)}. To go on with a load that was interrupted, add --resume.")
    wanted = [(table.name, table.create) for table in source.tables] + list(source.before)
    missing = [statement(sql) for name, sql in wanted if name.lower() not in there]
    if missing:
        client.transaction_of(missing)
    return there


def count_rows(client: Client, table: Table) -> int:
    """How many rows an interrupted load left; each request was all or nothing, in a fixed order, so the next row is known."""
    present = int(client.query(f"SELECT count(*) FROM {quote(table.name)}", as_lists=True).rows[0][0])
    if present > table.count:
        raise LoadError(f"{table.name} has {present:,} rows in the cenv and {table.count:,} in the file; this is not the load that stopped")
    return present


def fill(client: Client, table: Table, present: int, report: Callable[[int], None]) -> int:
    """Send the rows that are not there yet; returns how many."""
    report(present)
    sent = 0
    for rows, statements in batches(table, present):
        try:
            client.transaction_of(statements)
        except ApiError as error:
            raise LoadError(f"{table.name}, after {present + sent:,} rows: {error}") from error
        report(rows)
        sent += rows
    return sent


def finish(client: Client, source: Source, there: set[str]) -> None:
    """Indexes, triggers and views, all at once when the rows are in."""
    missing = [statement(sql) for name, sql in source.after if name.lower() not in there]
    if missing:
        client.transaction_of(missing)


def load(client: Client, source: Source, *, resume: bool = False) -> int:
    """Everything, with a progress bar; returns the number of rows sent."""
    there = make_schema(client, source, resume=resume)
    sent = 0
    total = sum(table.count for table in source.tables)
    with click.progressbar(length=total, label="rows", show_pos=True, item_show_func=lambda name: name) as bar:
        for table in source.tables:
            present = count_rows(client, table) if table.name.lower() in there else 0
            sent += fill(client, table, present, partial(bar.update, current_item=table.name))
    finish(client, source, there)
    return sent


def secret(file: str | None, variable: str | None) -> str:
    """The password from a file, a variable or the keyboard; never from the command line, where others could read it."""
    if file:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    if variable:
        if variable not in os.environ:
            raise click.UsageError(f"the variable {variable} is not set")
        return os.environ[variable]
    return str(click.prompt("Password", hide_input=True))


def run(client: Client, path: Path, table: str | None, encoding: str, *, resume: bool) -> None:
    """Load one file and say how it went."""
    started = time.monotonic()
    if sqlite_file.is_sqlite(path):
        with closing(sqlite_file.open_file(path)) as connection:
            source = sqlite_file.read(connection)
            sent = load(client, source, resume=resume)
    else:
        source = csv_file.read(path, table or path.stem, encoding)
        sent = load(client, source, resume=resume)
    seconds = time.monotonic() - started
    for thing in source.left_out:
        click.echo(f"left out: {thing}")
    click.echo(f"{sent:,} rows in {len(source.tables)} tables, {seconds:.1f} s, {sent / max(seconds, 0.001):,.0f} rows/s")


@click.command(help=(__doc__ or "").splitlines()[0])
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default="http://127.0.0.1:5309", show_default=True, help="Address of the server.")
@click.option("--cenv", required=True, help="Id of the cenv, as POST /new gave it.")
@click.option("--username", required=True, help="An owner or admin of the cenv.")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False), help="File whose text is the password.")
@click.option("--password-env", metavar="NAME", help="Environment variable that holds the password.")
@click.option("--table", help="Name for the table of a CSV file; otherwise the name of the file.")
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Encoding of a CSV file.")
@click.option("--resume", is_flag=True, help="Go on where an earlier load of the same file stopped.")
def main(  # noqa: PLR0913, PLR0917 (an argument for each option)
    file: Path,
    url: str,
    cenv: str,
    username: str,
    password_file: str | None,
    password_env: str | None,
    table: str | None,
    encoding: str,
    resume: bool,
) -> None:
    """Parse the command line, load, and turn every expected failure into one clear line."""
    try:
        with Client(url, cenv) as client:
            client.log_in(username, secret(password_file, password_env))
            run(client, file, table, encoding, resume=resume)
    except ApiError as error:
        raise click.ClickException(f"the server refused: {error}") from error
    except (OSError, HTTPException) as error:
        raise click.ClickException(f"no answer from {url}: {error}. What was loaded stays; --resume goes on from there.") from error
    except (LoadError, SourceError, ValueError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
