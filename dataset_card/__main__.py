from pipeline.terminal import run_app

run_app("dataset_card.cli")
