"""How every command line of the project ends: a person's mistake is one line and exit code 2, Ctrl-C is 130."""

from __future__ import annotations

import importlib
import sqlite3
import sys

from rich.console import Console
from rich.markup import escape

from pipeline.errors import UserError, is_full_disk

INTERRUPTED = 130


def run_app(module: str) -> None:
    """Runs the typer app named `app` in a module, and exits. The import is part of the run: it takes a while."""
    errors = Console(stderr=True)
    code: object = 0
    try:
        importlib.import_module(module).app()
    except SystemExit as ended:  # typer has said what was wrong with the options
        code = ended.code
    except UserError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        code = 2
    except (OSError, sqlite3.OperationalError) as error:
        if not is_full_disk(error):
            raise
        errors.print(f"[red]error:[/red] no space left on the disk ({escape(str(error))})", soft_wrap=True)
        code = 2
    except KeyboardInterrupt:
        code = INTERRUPTED
    # Typer turns Ctrl-C into this code by itself.
    if code == INTERRUPTED:
        errors.print("stopped; everything finished is kept, and the same command goes on from here", soft_wrap=True)
    sys.exit(code)  # type: ignore[arg-type]
