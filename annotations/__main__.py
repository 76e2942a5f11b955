from annotations.cli import run

run()
