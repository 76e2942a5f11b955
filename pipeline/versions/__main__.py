from pipeline.terminal import run_app

run_app("pipeline.versions.cli")
