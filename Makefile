# salient's front door; CMake does the work. `make help` lists what there is.
#
#   make PREFIX=/opt/salient install     where to install (default /usr/local; DESTDIR is honoured)
#   make BUILD_TYPE=Debug                Release (default, assertions on), RelWithDebInfo or Debug
#   make JOBS=1                          how many compilers and tests at once (default: one per processor)
#   SALIENT_SYSTEM_LLAMA=1 make          with the system's libllama

PREFIX     ?= /usr/local
BUILD_TYPE ?= Release
JOBS       ?= $(shell nproc)

build := build
asan  := build/asan
system_llama := $(if $(filter 1,$(SALIENT_SYSTEM_LLAMA)),ON,OFF)
cmake_options := -DSALIENT_SYSTEM_LLAMA=$(system_llama)
ctest := ctest --no-tests=error --output-on-failure --parallel $(JOBS)

# Reference data kept beside the checkout is used by the tests when it is there.
export SALIENT_GOLDEN ?= $(wildcard $(CURDIR)/../shared/golden)

.DEFAULT_GOAL := all
.PHONY: all help deps configure asan test test-fast test-asan test-long fuzz demo demo-full bench bench-all install lint lint-full format clean

all: configure            ## build/salient (set-up first, if it was not done)
	cmake --build $(build) --parallel $(JOBS)

help:                     ## this list
	@sed -n 's/^#  / /p' Makefile
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

deps:                     ## everything needed: Debian packages, libllama, demo model, stop lists, plotly.js
	scripts/deps

# Asks scripts/deps each time (20 ms). Programs built on another libllama, or for another processor, are thrown away.
configure:
	@scripts/deps --check || scripts/deps
	@if [ -d $(build) ] && ! cmp -s deps/stamp $(build)/deps-stamp; then rm -rf $(build); fi
	@cmake -S . -B $(build) -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(cmake_options) >/dev/null
	@cp deps/stamp $(build)/deps-stamp

asan: configure           ## the same with the address and undefined-behaviour sanitizers, in build/asan
	@cmake -S . -B $(asan) -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSALIENT_SANITIZE=ON $(cmake_options) >/dev/null
	cmake --build $(asan) --parallel $(JOBS)

test: test-fast           ## all but the long tests: optimised build, then under the sanitizers
	@$(MAKE) --no-print-directory test-asan

test-fast: all            ## all but the long tests, optimised build only
	cd $(build) && $(ctest) --label-exclude long

test-asan: asan           ## all but the long tests, under the sanitizers only
	cd $(asan) && $(ctest) --label-exclude long

test-long: all            ## every test, the long ones too
	cd $(build) && $(ctest)

fuzz: configure           ## every fuzzer for FUZZ_SECONDS (600), two at a time (clang)
	@cmake -S . -B $(build)/fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSALIENT_FUZZ=ON -DCMAKE_C_COMPILER=clang \
	  -DCMAKE_CXX_COMPILER=clang++ $(cmake_options) >/dev/null
	cmake --build $(build)/fuzz --parallel $(JOBS) --target fuzzers
	tests/fuzz/run $(build)/fuzz

demo: all                 ## a small study with the demo model, from import to report
	scripts/demo

demo-full: all            ## all forty documents, fifteen summarizers, a real server
	scripts/demo full

bench: all                ## speed and memory beside their peers, in one table
	bench/run

bench-all: all            ## the same with the heavy parts: PyTorch, 1 GB of import (an hour)
	bench/run --all

install: all              ## program, headers and manual pages below PREFIX
	cmake --install $(build) --prefix "$(PREFIX)"

lint:                     ## layout, seams between folders, headers on their own, cppcheck
	scripts/lint

lint-full: configure      ## the same and clang-tidy (minutes)
	scripts/lint --full

format:                   ## clang-format on every tracked C file
	git ls-files '*.c' '*.h' | xargs -r clang-format -i

clean:                    ## remove build/ (not deps/, not the cache)
	rm -rf $(build)
