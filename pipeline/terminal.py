"""How every command line of the project ends: a person's mistake is one line and exit code 2, Ctrl-C is 130."""

from __future__ import annotations

import sqlite3
import sys

import click
import typer
from rich.console import Console
from rich.markup import escape

from pipeline.errors import UserError, is_full_disk

INTERRUPTED = 130


def run_app(app: typer.Typer) -> None:
    """Runs a typer app and exits."""
    errors = Console(stderr=True)
    try:
        code = app(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except UserError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        code = 2
    except (OSError, sqlite3.OperationalError) as error:
        if not is_full_disk(error):
            raise
        errors.print(f"[red]error:[/red] no space left on the disk ({escape(str(error))})", soft_wrap=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    # Typer turns Ctrl-C into this code by itself.
    if code == INTERRUPTED:
        errors.print("stopped; everything finished is kept, and the same command goes on from here")
    sys.exit(code)
