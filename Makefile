# Everything here is a tox environment with a short name. Where tox is
# missing, it is installed into .tox-bootstrap, and nowhere else.

PYTHON ?= python3
TOX ?= $(shell command -v tox || echo .tox-bootstrap/bin/tox)

.DEFAULT_GOAL := help
.PHONY: help demo test unit py3 simulation fuzz functional nova33 integration storm leases outages hypervisors reaction bench soak builds docs pep8 packages tox

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(TOX)  ## a small cloud with CPU steal that cures itself, in this terminal
	@test -d .tox/demo || echo 'Installing Nova and Placement into .tox/demo: a minute or two, once.'
	@$(TOX) -qq run -e demo

test: $(TOX)  ## the unit tests, and the tests against a real Nova
	@$(MAKE) --no-print-directory --keep-going unit functional

unit: $(TOX)
	@$(MAKE) --no-print-directory --keep-going py3 simulation

py3: $(TOX)
	$(TOX) -q run -e py3

# An environment of its own in the same directory would be installed anew each
# time, and the other one after it; exec alone installs nothing. The same seeds
# each time: a change that fails here has broken something itself.
simulation: $(TOX)
	@$(TOX) -q run --notest -e py3
	$(TOX) -q exec -e py3 -- stestr --test-path ./tests/simulation run
	STEAL_FUZZ_SEED=$${STEAL_FUZZ_SEED:-1} $(TOX) -q exec -e py3 -- python -m tests.simulation.fuzz

fuzz: $(TOX)  ## accidents, wrong answers, options, texts, views and rooms, from 10,000 seeds
	@$(TOX) -q run --notest -e py3
	STEAL_FUZZ_RUNS=$${STEAL_FUZZ_RUNS:-10000} $(TOX) -q exec -e py3 -- python -m tests.fuzz

functional: $(TOX)
	$(TOX) -q run -e functional

# Kubernetes and Consul are built for it with Go, the first time for a quarter
# of an hour. STEAL_WITHOUT=orchestrators leaves their tests out.
integration: packages  ## the tests against real daemons (Debian packages and Go needed)
	$(TOX) -q run -e integration

# OS_TEST_TIMEOUT is that of one of its ten kinds, the other one that of all.
storm: packages  ## migrators that die on real daemons, 2,000 times: five hours
	STEAL_STORM_RUNS=2000 OS_TEST_TIMEOUT=7200 \
	  $(TOX) -q run -e integration -- test_storm --timeout 36000

leases: packages  ## who leads, on each real lock store, 200 times: half an hour
	STEAL_LEASE_RUNS=200 OS_TEST_TIMEOUT=7200 \
	  $(TOX) -q run -e integration -- test_leases test_takeovers --timeout 36000

outages: packages  ## each service of a cloud killed while servers move, ten times: an hour
	STEAL_OUTAGE_RUNS=10 OS_TEST_TIMEOUT=7200 \
	  $(TOX) -q run -e integration -- test_outages --timeout 36000

# It needs neither Kubernetes nor Consul.
hypervisors: packages  ## real guests moved while what moves them dies, ten times: two hours
	STEAL_ACCIDENT_RUNS=10 STEAL_WITHOUT=orchestrators OS_TEST_TIMEOUT=14400 \
	  $(TOX) -q run -e integration -- integration.libvirt test_hypervisors --timeout 36000

reaction: packages  ## how long real guests wait until one has left, 20 times: 20 minutes
	STEAL_REACTION_RUNS=20 STEAL_WITHOUT=orchestrators OS_TEST_TIMEOUT=14400 \
	  $(TOX) -q run -e integration -- libvirt.test_relief --timeout 36000

nova33: $(TOX)  ## what meets Nova and other libraries, on the oldest that we support
	$(TOX) -q run -e functional-nova33

bench: $(TOX)  ## how long decisions take
	$(TOX) -q run -e bench

soak: $(TOX)  ## steal-exporter over busy servers for half an hour: does it leak?
	$(TOX) -q run -e bench -- soak 30

# Nothing to do if they are in ~/.cache/steal-scheduler. Its tests do the same.
builds: packages
	$(TOX) -q exec -e integration -- python -m tests.integration.binaries

docs: $(TOX)  ## the documentation, in doc/build/html
	$(TOX) -q run -e docs

pep8: $(TOX)  ## style, spelling and types
	$(TOX) -q run -e pep8

packages: $(TOX)  ## whether the packages for 'make integration' are there
	@$(TOX) -qq run -e bindep --notest
	@.tox/bindep/bin/bindep integration || { \
	  echo "As root: apt-get install $$(.tox/bindep/bin/bindep -b integration | xargs)"; exit 1; }

tox: $(TOX)

.tox-bootstrap/bin/tox:
	@echo 'Installing tox into .tox-bootstrap.'
	@$(PYTHON) -m venv .tox-bootstrap
	@.tox-bootstrap/bin/python -m pip install --quiet 'tox>=4.28'
