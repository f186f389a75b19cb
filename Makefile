# pgweir: everything is built, run and tested from here.  `make help` lists what there is.
# Every build lives in build/<flavour>/; flavours: release debug asan tsan coverage.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:

FLAVOUR ?= release
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
WERROR ?= -Werror
PYTHON ?= /usr/bin/python3
prefix ?= /usr/local
bindir ?= $(prefix)/sbin
docdir ?= $(prefix)/share/doc/pgweir
mandir ?= $(prefix)/share/man
unitdir ?= $(prefix)/lib/systemd/system
DESTDIR ?=
FUZZ_SECONDS ?= 60
TESTS ?=
PROGRAMS ?= 10000
PROPERTY ?=

B := build/$(FLAVOUR)

# V=1 shows the commands as they are run.
ifeq ($(V),1)
  say = @:
  Q :=
else
  say = @printf '%-5s %s\n'
  Q := @
endif

# ---- compilers and flags --------------------------------------------------------------

ifeq ($(FLAVOUR),release)
  CC := gcc
  # Calls between files are most of what user space does: the linker may inline them.
  FLAVOUR_FLAGS := -O2 -g -flto=auto -ffat-lto-objects -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else ifeq ($(FLAVOUR),debug)
  CC := gcc
  FLAVOUR_FLAGS := -Og -g
else ifeq ($(FLAVOUR),asan)
  CC := clang
  FLAVOUR_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(FLAVOUR),tsan)
  CC := clang
  FLAVOUR_FLAGS := -O1 -g -fsanitize=thread
else ifeq ($(FLAVOUR),coverage)
  CC := clang
  FLAVOUR_FLAGS := -O0 -g -fprofile-instr-generate -fcoverage-mapping
else ifeq ($(FLAVOUR),fuzz)
  CC := clang
  FLAVOUR_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else
  $(error FLAVOUR is one of release, debug, asan, tsan, coverage)
endif

LIBRARIES := libuv libssl libcrypto libpq inih libidn
OPTIONAL := libsystemd pam ldap
# libpg_query has no pkg-config file.  The archive is linked, not the shared library, whose exported symbols
# (palloc and its kin) could meet those of another library.
PG_QUERY := -l:libpg_query.a

FOUND := $(shell pkg-config --exists $(LIBRARIES) 2>/dev/null && pg_config --version >/dev/null 2>&1 && echo yes)
ifeq ($(FOUND),yes)
  HAVE := $(foreach p,$(OPTIONAL),$(shell pkg-config --exists $(p) && echo $(p)))
  LIBRARY_FLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBRARIES) $(HAVE)))
  LIBS := $(PG_QUERY) $(shell pkg-config --libs $(LIBRARIES) $(HAVE)) -lm -pthread
  ROUTE_FLAGS := -isystem $(shell pg_config --includedir-server)
  ifneq ($(filter libsystemd,$(HAVE)),)
    LIBRARY_FLAGS += -DHAVE_SYSTEMD
  endif
  ifneq ($(filter pam,$(HAVE)),)
    LIBRARY_FLAGS += -DHAVE_PAM
  endif
  ifneq ($(filter ldap,$(HAVE)),)
    LIBRARY_FLAGS += -DHAVE_LDAP
  endif
endif

WARNINGS := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 $(WERROR)
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -Iinclude -Isrc $(LIBRARY_FLAGS) -pthread -fno-omit-frame-pointer \
    $(WARNINGS) $(FLAVOUR_FLAGS) $(CFLAGS)

# ---- what is built from what ----------------------------------------------------------

SOURCES := $(sort $(wildcard src/*/*.c))
MAIN := $(filter src/main/main.c,$(SOURCES))
OBJECTS := $(patsubst src/%.c,$(B)/obj/%.o,$(filter-out $(MAIN),$(SOURCES)))
UNIT_TESTS := $(patsubst regress/unit/%.c,$(B)/unit/%,$(sort $(wildcard regress/unit/test_*.c)))
FUZZERS := $(patsubst regress/fuzz/%.c,%,$(sort $(wildcard regress/fuzz/fuzz_*.c)))
REPLAYS := $(patsubst %,$(B)/replay/%,$(FUZZERS))
TOOLS := build/tools/nullpg build/tools/pgload

.PHONY: all
all: $(B)/pgweir ## build build/release/pgweir (FLAVOUR=debug|asan|tsan|coverage: that flavour beside it)

$(B)/pgweir: $(MAIN:src/%.c=$(B)/obj/%.o) $(B)/libpgweir.a
	$(say) link $@
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libpgweir.a: $(OBJECTS)
	$(say) ar $@
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/obj/protocol/%.o: LAYER_FLAGS := -Wconversion
$(B)/obj/route/%.o: LAYER_FLAGS := $(ROUTE_FLAGS)

$(B)/obj/%.o: src/%.c Makefile | libraries
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(ALL_CFLAGS) $(LAYER_FLAGS) -MMD -MP -c -o $@ $<

# A unit test may look into the private headers of the layers.
$(B)/unit/%: regress/unit/%.c $(B)/libpgweir.a Makefile
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(B)/libpgweir.a $(LIBS)

$(B)/replay/%: regress/fuzz/%.c regress/fuzz/replay.c $(B)/libpgweir.a Makefile
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -o $@ $< regress/fuzz/replay.c $(B)/libpgweir.a $(LIBS)

$(B)/fuzz/%: regress/fuzz/%.c $(B)/libpgweir.a Makefile
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -fsanitize=fuzzer -o $@ $< $(B)/libpgweir.a $(LIBS)

# What a system test asks without a pooler.
$(B)/effects_of: regress/lib/effects_of.c $(B)/libpgweir.a Makefile
	$(say) cc $<
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(B)/libpgweir.a $(LIBS)

build/tools/nullpg: regress/bench/nullpg.c
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)gcc -O2 -Wall -Wextra -pthread -o $@ $<

build/tools/pgload: regress/bench/pgload.c
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)gcc -O2 -Wall -Wextra -pthread -o $@ $< -lssl -lcrypto -lm

.PHONY: libraries tests-built drivers-built tools
libraries:
	@$(if $(FOUND),:,echo 'libraries are missing: run "make deps" as root or with sudo at hand'; exit 1)

tests-built: $(UNIT_TESTS) $(REPLAYS) $(B)/effects_of

# The programs of other languages that regress/drivers runs.
drivers-built:
	@sh regress/drivers/matrix/build.sh build

tools: $(TOOLS)

-include $(patsubst src/%.c,$(B)/obj/%.d,$(SOURCES)) $(addsuffix .d,$(UNIT_TESTS))

# ---- the two commands -----------------------------------------------------------------
# What is missing is installed first, so the rest runs in a second make that finds it.

.PHONY: run check
run: ## install what is missing, build, and show pgweir at work before a throw-away primary with two replicas
	@sh regress/lib/deps.sh build
	@+$(MAKE) -j$(JOBS) all
	@exec $(PYTHON) regress/run.py

check: ## install what is missing, build, and run every test; ends with "N passed, N failed"
	@sh regress/lib/deps.sh build tests
	@+$(MAKE) -j$(JOBS) all tests-built drivers-built
	@$(PYTHON) regress/check.py --flavour $(FLAVOUR) lint docs unit protocol system property drivers chaos $(TESTS)

# ---- parts of the tests ---------------------------------------------------------------

.PHONY: unit protocol system drivers chaos sanitize tsan
unit: ## the unit tests and the replay of the fuzzers' seeds (no PostgreSQL)
	@+$(MAKE) -j$(JOBS) tests-built
	@$(PYTHON) regress/check.py --flavour $(FLAVOUR) unit

protocol system drivers chaos: ## the tests in regress/<that folder>; TESTS="-k words" chooses
	@+$(MAKE) -j$(JOBS) all $(if $(filter drivers,$@),drivers-built) $(if $(filter system,$@),$(B)/effects_of)
	@$(PYTHON) regress/check.py --flavour $(FLAVOUR) $@ $(TESTS)

sanitize: ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@+$(MAKE) check FLAVOUR=asan

tsan: ## all tests under ThreadSanitizer
	@+$(MAKE) check FLAVOUR=tsan

.PHONY: property
property: ## random programs through pgweir and beside it; PROGRAMS=10000 SEED=1, or REPLAY=file
	@+$(MAKE) -j$(JOBS) all
	@PGWEIR_FLAVOUR=$(FLAVOUR) $(PYTHON) -B regress/property/__main__.py --programs $(PROGRAMS) \
	    $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY)) $(PROPERTY)

.PHONY: coverage fuzz shapes bench-judge bench pg_regress
coverage: ## all tests with coverage; report in build/coverage/report.txt
	@+$(MAKE) check FLAVOUR=coverage
	@sh regress/lib/coverage.sh build/coverage

fuzz: ## run each fuzzer for FUZZ_SECONDS (60), starting from its seeds
	@sh regress/lib/deps.sh build tests
	@+$(MAKE) -j$(JOBS) FLAVOUR=fuzz $(patsubst %,build/fuzz/fuzz/%,$(FUZZERS))
	@sh regress/lib/fuzz.sh $(FUZZ_SECONDS) $(FUZZERS)

bench-judge: ## what it costs to judge a statement, seen before and new
	@+$(MAKE) -j$(JOBS) FLAVOUR=release build/release/libpgweir.a
	@$(CC) -std=gnu17 -O2 -D_GNU_SOURCE -Iinclude -o build/release/judge regress/bench/judge.c build/release/libpgweir.a $(LIBS)
	@build/release/judge

shapes: ## the scanner of shapes against PostgreSQL's own; SOURCE=a folder of SQL files, as src/test/regress/sql
	@sh regress/lib/deps.sh build tests
	@+$(MAKE) -j$(JOBS) FLAVOUR=debug build/debug/replay/fuzz_shape
	@python3 regress/fuzz/shapes.py build/debug/replay/fuzz_shape "$(SOURCE)"

pg_regress: ## PostgreSQL's own suite through pgweir, compared with a direct run; SOURCE=an unpacked source tree
	@sh regress/lib/deps.sh build tests
	@+$(MAKE) -j$(JOBS) all
	@$(PYTHON) regress/pg_regress.py "$(SOURCE)" --pgweir $(B)/pgweir $(TESTS)

bench: ## measure pgweir beside pgbouncer and a direct connection; BENCH=--quick for a first look
	@sh regress/lib/deps.sh build bench
	@+$(MAKE) -j$(JOBS) all tools
	@$(PYTHON) regress/bench/bench.py $(BENCH)

# ---- the house ------------------------------------------------------------------------

.PHONY: lint format docs deps
lint: ## cppcheck, include ranks, header self-containment, house rules
	@sh regress/lib/deps.sh build lint
	@$(PYTHON) regress/lint/lint.py
	@cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=nullPointerArithmeticRedundantCheck \
	    --suppressions-list=regress/lint/cppcheck.txt --error-exitcode=1 -j$(JOBS) \
	    -D_GNU_SOURCE -D__GNUC__=12 -DHAVE_SYSTEMD -DHAVE_PAM -DHAVE_LDAP -Iinclude src

format: ## clang-format over all of our C
	@sh regress/lib/deps.sh build lint
	clang-format -i $(sort $(wildcard src/*/*.[ch] include/*/*.h regress/unit/*.[ch] regress/fuzz/*.c))

docs: all ## write the sample files in etc/ and the manual pages, from the tables in the binary
	$(B)/pgweir --write-docs .

deps: ## install what is missing to build and to test (apt; as root or through sudo)
	@sh regress/lib/deps.sh build tests

.PHONY: install package clean help
install: all ## install below prefix (/usr/local), under DESTDIR
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(docdir) $(DESTDIR)$(unitdir)
	install -m 755 $(B)/pgweir $(DESTDIR)$(bindir)/pgweir
	install -m 644 README.md NEWS.md LICENSE $(DESTDIR)$(docdir)
	install -m 644 $(wildcard etc/*) $(DESTDIR)$(docdir)
	for unit in pgweir.service pgweir@.service pgweir.socket; do \
	    sed 's,@bindir@,$(bindir),' packaging/$$unit > $(DESTDIR)$(unitdir)/$$unit; \
	done
	for page in $(wildcard packaging/man/*.[1-8]); do \
	    section=$${page##*.}; \
	    install -d $(DESTDIR)$(mandir)/man$$section; \
	    install -m 644 $$page $(DESTDIR)$(mandir)/man$$section; \
	done

package: all ## build build/pgweir_<version>_<architecture>.deb
	@sh packaging/deb.sh $(B)/pgweir

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-34s %s\n", $$1, $$2 }' Makefile
