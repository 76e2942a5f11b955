from dataset_card.cli import app
from pipeline.terminal import run_app

run_app(app)
