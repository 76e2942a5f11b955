from pipeline.terminal import run_app
from training.cli import app

run_app(app)
