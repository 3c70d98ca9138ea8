# SPDX-License-Identifier: Apache-2.0
# Copyright the Umwelt authors
#
# The verbs of this project; the only entry points, for people and CI alike. `make` alone prints them.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# What installed programs are linked with: nothing of Swift is needed where they run.
RELEASE_FLAGS = -c release --static-swift-stdlib -Xlinker -s
# Seconds of fuzzing, all targets together.
FUZZ_SECONDS ?= 60

export SWIFT

.PHONY: help setup build release services services-test services-node-test services-vm-test protos check fmt unit-test node-test \
	vm-test keydns-test install-test fuzz test bench bench-keydns demo install \
	uninstall clean

help:
	@echo 'make demo          set this machine up, then show a container before and after'
	@echo 'make test          set this machine up, then run all tests'
	@echo
	@echo 'make build         debug build of everything'
	@echo 'make release       the programs as they are installed, in .build/release'
	@echo 'make install       into PREFIX ($(PREFIX)), below DESTDIR; needs make release before'
	@echo 'make uninstall     takes all of that away'
	@echo 'make services      the programs that face Kubernetes, as they are installed'
	@echo 'make services-test their tests that need no root'
	@echo 'make services-node-test  with a real containerd and a real dockerd, as root'
	@echo 'make services-vm-test    with containerd 1.7, in the virtual machine'
	@echo 'make protos        the generated code of the Container Runtime Interface anew'
	@echo 'make check         format and the rules of the house; changes nothing'
	@echo 'make fmt           format the sources'
	@echo 'make unit-test     tests that need no root'
	@echo 'make node-test     tests with real containers on this machine, as root'
	@echo 'make vm-test       the same in a virtual machine with cgroup v2, and the systemd unit'
	@echo 'make keydns-test   a CIFS mount that follows its Service, in the virtual machine'
	@echo 'make install-test  install, look, uninstall, compare'
	@echo 'make fuzz          FUZZ_SECONDS ($(FUZZ_SECONDS)) of fuzzing'
	@echo 'make bench         measure beside LXCFS'
	@echo 'make bench-keydns  measure beside key.dns_resolver'
	@echo 'make setup         what the tests need: Debian packages and the virtual machine'
	@echo 'make clean         remove what was built'

setup:
	scripts/setup test

build:
	$(SWIFT) build --build-tests

release:
	$(SWIFT) build $(RELEASE_FLAGS)

services:
	$(SWIFT) build --package-path Services $(RELEASE_FLAGS)

services-test:
	scripts/protos --check
	$(SWIFT) test --package-path Services --skip '^EngineTests\.'

services-node-test:
	$(SWIFT) build --product umweltd
	$(SWIFT) build --product umwelt
	$(SWIFT) build --package-path Services --build-tests
	scripts/services-node-test

services-vm-test:
	$(SWIFT) build --package-path Services --build-tests
	scripts/services-vm-test

protos:
	scripts/protos

check:
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests $(wildcard Fuzz/Package.swift Benchmarks/Package.swift) \
		Services/Package.swift Services/Sources Services/Tests
	$(SWIFT) test --filter '^TidyTests\.'

fmt:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests $(wildcard Fuzz/Package.swift Benchmarks/Package.swift) \
		Services/Package.swift Services/Sources Services/Tests

unit-test:
	scripts/unit-test

node-test: build release
	scripts/node-test

vm-test: build release
	scripts/vm-test

keydns-test: release
	scripts/keydns-test

install-test: release
	scripts/install-test

fuzz:
	scripts/fuzz $(FUZZ_SECONDS)

test:
	scripts/test

bench:
	scripts/bench

bench-keydns: release
	scripts/keydns-bench

demo:
	scripts/demo

# Build nothing, so that they can run as root after a build as somebody else.
install:
	scripts/install '$(DESTDIR)' '$(PREFIX)'

uninstall:
	scripts/uninstall '$(DESTDIR)' '$(PREFIX)'

clean:
	rm -rf .build Services/.build Fuzz/.build Benchmarks/.build
