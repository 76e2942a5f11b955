# MuscleMap: from YouTube ids to a trained model. `make` alone lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON    ?= $(firstword $(foreach p,python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo yes),$(p))))
VENV      ?= .venv
WORK      ?= work
CONFIG    ?=
TABLES    ?=
SCHEDULER ?=
WORKERS   ?= $(shell nproc)
MODEL     ?= transm3e
MODALITIES ?= rgb,rgbdiff,flow,skeleton
VIDEOS    ?=
export ACTIVITY QUERY FROM REASON A B ID TO AT CLIP FORMAT VIDEO MUSCLE
WORKOUTS  ?=
PRESET    ?=
SEEDS     ?= 0
DATASET   ?= $(WORK)/$(if $(filter tiny,$(PRESET)),demo/)$(if $(filter small sample,$(PRESET)),sample/)dataset
RUNS      ?= $(WORK)/runs$(if $(PRESET),-$(PRESET))

CHOSEN    := $(or $(RUN),$(RUNS)/$(MODEL))# the run that RUN=folder names, or else MODEL=
override RUN := $(VENV)/bin/python -m
PIPELINE   = $(RUN) pipeline --work '$(WORK)' $(if $(CONFIG),--config '$(CONFIG)') --workers $(WORKERS) \
             $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(if $(TABLES),--tables '$(TABLES)')
TABULATE   = $(RUN) training tables --dataset '$(DATASET)' --runs '$(RUNS)' --out '$(WORK)/tables$(if $(PRESET),-$(PRESET))'
READY     := $(VENV)/.ready
DEMO       = $(WORK)/demo$(if $(VIDEOS),-$(notdir $(VIDEOS:/=)))
RENDERED   = --config pipeline/configs/demo.toml --workers $(WORKERS) demo

.PHONY: help setup demo sample test chaos labels annotate import-official lint search probe retry download take detect cut extract extract-rgbdiff extract-flow extract-skeletons \
        skeleton-video export-skeletons shards diff verify publish pull takedown card page models train export predict evaluate explain tables reproduce status clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'
	@echo "  variables: WORK=$(WORK) CONFIG=$(CONFIG) WORKERS=$(WORKERS) TABLES= SCHEDULER= (slurm, or tcp://host:8786)"
	@echo "             MODALITIES=$(MODALITIES) MODEL=$(MODEL) PRESET= DATASET=$(DATASET) RUNS=$(RUNS) VIDEOS= WORKOUTS= PYTHON= VENV=$(VENV)"

setup: $(READY) ## make .venv with everything in it, and fetch the pose model
$(READY): pyproject.toml pipeline/pose/models.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or 3.12 is needed; install it or say make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(RUN) pipeline models
	@touch $@

demo: $(READY) ## the whole road on rendered workouts, or on VIDEOS=folder (folder/activity/*.mp4)
	$(RUN) pipeline --work '$(DEMO)' $(RENDERED) $(if $(VIDEOS),--videos '$(VIDEOS)') $(if $(WORKOUTS),--workouts $(WORKOUTS))
	$(RUN) dataset_card card '$(DEMO)/dataset'
	$(RUN) training train --config training/configs/hdgcn-tiny.toml --dataset '$(DEMO)/dataset' --runs '$(DEMO)/runs'
	$(RUN) training train --config training/configs/transm3e-tiny.toml --dataset '$(DEMO)/dataset' --runs '$(DEMO)/runs'
	$(RUN) training evaluate --dataset '$(DEMO)/dataset' --runs '$(DEMO)/runs' --out '$(DEMO)/results'
	$(RUN) dataset_card page '$(DEMO)/dataset' --out '$(DEMO)/page' --results '$(DEMO)/results/results.html'

sample: $(READY) ## the harder sample as a dataset in WORK/sample: 224 workouts of channels with a look of their own
	$(RUN) pipeline --work '$(WORK)/sample' $(RENDERED) --wild $(if $(WORKOUTS),--workouts $(WORKOUTS))
	$(RUN) dataset_card card '$(WORK)/sample/dataset'

test: $(READY) ## run the tests
	$(RUN) pytest -n $(WORKERS)

chaos: $(READY) ## kill workers and driver, refuse, fill the disk; then check that nothing is lost (COUNT=1000 KILLS=20)
	$(shell unshare --map-root-user --mount true 2>/dev/null && echo unshare --map-root-user --mount) \
	  $(RUN) tests.chaos --videos $(or $(COUNT),1000) --kills $(or $(KILLS),20) --workers $(WORKERS)

labels: $(READY) ## derive the labels, compare ANNOTATORS=facts,anatomy and write what they agree on
	$(RUN) annotations labels $(if $(ANNOTATORS),--annotators '$(ANNOTATORS)' --propose '$(PROPOSE)')

annotate: $(READY) ## open the page to label, decide and cut on, at http://127.0.0.1:PORT (8135)
	$(RUN) annotations annotate --work '$(WORK)' $(if $(TABLES),--tables '$(TABLES)') $(if $(PORT),--port $(PORT))

import-official: $(READY) ## the authors' pickled lists in DIR= as tables in TABLES=
	@test -n "$(DIR)" -a -n "$(TABLES)" || { echo "error: say DIR=folder-with-the-lists TABLES=folder-to-write"; exit 2; }
	$(RUN) annotations import-official '$(DIR)' --out '$(TABLES)'

lint: $(READY) ## ruff and mypy
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(RUN) mypy

search: $(READY) ## add candidates: ACTIVITY=squat, QUERY='words' or FROM=playlist; COUNT=20, LICENCES=1
	$(PIPELINE) search $(if $(ACTIVITY),--activity "$$ACTIVITY") $(if $(QUERY),--query "$$QUERY") \
	  $(if $(FROM),--from "$$FROM") $(if $(COUNT),--count $(COUNT)) $(if $(LICENCES),--licences)

probe: $(READY) ## ask again which sources still exist
	$(PIPELINE) probe

retry: $(READY) ## put failed items back by reason: REASON=gone/private, or REASON=gone
	$(PIPELINE) retry "$$REASON"

download: $(READY) ## download the sources of sources.csv and the kept candidates
	$(PIPELINE) download

take: $(READY) ## take your own VIDEOS=folder instead of downloading (CLASSES=ucf101 or hmdb51 for their class names)
	$(PIPELINE) take '$(VIDEOS)' $(if $(CLASSES),--classes '$(CLASSES)')

detect: $(READY) ## propose clips in videos that have no segments yet (scene cuts, windows, somebody to be seen)
	$(PIPELINE) detect

cut: $(READY) ## cut the segments out of the videos
	$(PIPELINE) cut

extract: $(READY) ## extract all of MODALITIES, each clip decoded once
	$(PIPELINE) extract --modalities $(MODALITIES)

extract-rgbdiff: $(READY) ## extract RGB difference alone
	$(PIPELINE) extract --modalities rgbdiff

extract-flow: $(READY) ## extract optical flow alone
	$(PIPELINE) extract --modalities flow

extract-skeletons: $(READY) ## extract skeletons alone
	$(PIPELINE) extract --modalities skeleton

skeleton-video: $(READY) ## write work/skeletons/<clip>.mp4 with the skeleton drawn: CLIP=key, or a video file
	$(PIPELINE) skeleton-video "$$CLIP"

export-skeletons: $(READY) ## write the skeletons for other tools: FORMAT=alphapose, coco or pyskl
	$(PIPELINE) export-skeletons "$$FORMAT"

shards: $(READY) ## write the version's shards, index and manifest
	$(PIPELINE) shards --modalities $(MODALITIES)

diff: $(READY) ## what changed between versions, clip by clip: A=folder-or-URL B=folder-or-URL
	$(RUN) pipeline.versions diff "$$A" "$$B"

verify: $(READY) ## check every byte and promise of a version: AT=folder-or-URL; ID=source proves that it is absent
	$(RUN) pipeline.versions verify "$${AT:-$(DATASET)}" $(if $(ID),--absent "$$ID")

publish: $(READY) ## copy the newest version to TO=folder, s3://… or hf://…; WITHOUT=rgb,rgbdiff,flow leaves pictures out
	$(if $(WITHOUT),$(RUN) pipeline.versions tier '$(DATASET)' --without $(WITHOUT) --out '$(DATASET)-shared')
	$(RUN) dataset_card card '$(DATASET)$(if $(WITHOUT),-shared)'
	$(RUN) pipeline.versions publish '$(DATASET)$(if $(WITHOUT),-shared)' --to "$$TO"

pull: $(READY) ## copy a published version here: FROM=folder-or-URL VERSION= MODALITIES=skeleton,label
	$(RUN) pipeline.versions pull '$(DATASET)' --from "$$FROM" $(if $(VERSION),--version $(VERSION)) \
	  $(if $(filter-out file,$(origin MODALITIES)),--modalities $(MODALITIES))

takedown: $(READY) ## remove a source from everything for good: ID=source REASON='why'
	$(RUN) pipeline.versions takedown --reason "$$REASON" --work '$(WORK)' --dataset '$(DATASET)' \
	  $(if $(TABLES),--tables '$(TABLES)') -- "$$ID"
	$(RUN) dataset_card card '$(DATASET)'

card: $(READY) ## check the splits for leaks, and write the dataset card, Croissant and figures of the newest version
	$(RUN) dataset_card leaks '$(DATASET)'
	$(RUN) dataset_card card '$(DATASET)'

page: $(READY) ## write the HTML page with one row a clip
	$(RUN) dataset_card page '$(DATASET)' --out '$(WORK)/page'

models: $(READY) ## list the models, their sizes beside the paper's, and their operations
	$(RUN) training models

train: $(READY) ## train MODEL, or what CONFIG=file.toml says, on the shards
	$(RUN) training train --config '$(or $(CONFIG),training/configs/$(MODEL).toml)' --dataset '$(DATASET)' --runs '$(RUNS)'

export: $(READY) ## write the trained MODEL as a PyTorch program and ONNX, outputs compared
	$(RUN) training export --run '$(RUNS)/$(MODEL)'

predict: $(READY) ## muscle groups over time in VIDEO=file or YouTube id, by MODEL or RUN=folder: numbers, body map, film
	@test -n "$$VIDEO" || { echo "error: say VIDEO=file, or the id of a YouTube video"; exit 2; }
	$(RUN) training predict --run '$(CHOSEN)' --dataset '$(DATASET)' --out '$(WORK)/predictions' \
	  $(if $(CONFIG),--config '$(CONFIG)') $(if $(TABLES),--tables '$(TABLES)') -- "$$VIDEO"

evaluate: $(READY) ## predictions of all runs, and the table of results
	$(RUN) training evaluate --dataset '$(DATASET)' --runs '$(RUNS)' --out '$(WORK)/results'

explain: $(READY) ## where MODEL or RUN=folder looks, as pictures and films: CLIP=key,… MUSCLE=name,… AGAINST=other-model
	$(RUN) training explain --run '$(CHOSEN)' --dataset '$(DATASET)' --out '$(WORK)/explain' --clip "$$CLIP" --muscle "$$MUSCLE" \
	  $(if $(AGAINST),--against '$(if $(findstring /,$(AGAINST)),,$(RUNS)/)$(AGAINST)')

tables: $(READY) ## the paper's Tables 2 to 6 and figure 2 in your numbers, from saved predictions, in WORK/tables
	$(TABULATE)

reproduce: $(READY) ## train what the paper's tables need, and make them: PRESET=tiny, small, sample or paper (SEEDS=0,1,2 ESTIMATE=1)
	@test -n "$(PRESET)" || { echo "error: say PRESET=tiny (rendered, minutes on a CPU), small (hours), sample (one GPU) or paper"; exit 2; }
	$(if $(filter tiny,$(PRESET)),@ls '$(DATASET)'/*/manifest.json >/dev/null 2>&1 || $(RUN) pipeline --work '$(WORK)/demo' $(RENDERED))
	$(if $(filter small sample,$(PRESET)),@ls '$(DATASET)'/*/manifest.json >/dev/null 2>&1 || $(MAKE) sample)
	$(RUN) training reproduce --preset '$(PRESET)' --dataset '$(DATASET)' --runs '$(RUNS)' --seeds '$(SEEDS)' \
	  $(if $(ONLY),--only '$(ONLY)') $(if $(WEIGHTS),--weights '$(WEIGHTS)') $(if $(SCHEDULER),--scheduler '$(SCHEDULER)') \
	  $(if $(ESTIMATE),--estimate)
	$(if $(ESTIMATE)$(SCHEDULER),,$(TABULATE))

status: $(READY) ## what is done, failed (and why) and left
	$(PIPELINE) status

clean: $(READY) ## remove clips and payloads, which can be made again
	$(PIPELINE) clean
