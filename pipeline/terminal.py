"""How every command line of the project ends: a person's mistake is one line and exit code 2, Ctrl-C is 130."""

from __future__ import annotations

import sys

import click
import typer
from rich.console import Console
from rich.markup import escape

from pipeline.errors import UserError

INTERRUPTED = 130


def run_app(app: typer.Typer) -> None:
    """Runs a typer app and exits."""
    errors = Console(stderr=True)
    try:
        sys.exit(app(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        errors.print("stopped; everything finished is kept, and the same command goes on from here")
        sys.exit(INTERRUPTED)
