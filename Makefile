# The steps are in .ci/run, which works without make too.
#
#   make check   what CI runs first: format, vet, lint, build, tests
#   make race    the tests under the race detector, where there is a C compiler
#   make sdk     the sandbox, driven with Okta's Go SDK
#   make bench   the benchmarks
#   make cross   binaries for all systems, into dist/
#   make fuzz    every fuzz test for a few seconds; FUZZTIME=1m for longer

.PHONY: check race sdk bench cross fuzz

check race sdk bench cross fuzz:
	@bash .ci/run $@
