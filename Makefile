# SPDX-License-Identifier: ISC
# retrysafe: `make help` lists the targets.

PREFIX  ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC      := gcc
endif
BUILD   ?= build
SAN     ?=
FAULTS  ?=
T       ?=
JOBS    ?= 2
SECONDS ?= 60
SEED    ?= 1
ROUNDS  ?= 5
KEYS    ?= 1000000
REQUESTS ?= 100000
ONLY    ?=
WRITE   ?=

VERSION  := $(shell sed -n 's/.*RETRYSAFE_VERSION "\(.*\)"/\1/p' src/base/version.h)
PACKAGES := gcc make pkg-config libfcgi-dev libsqlite3-dev libjansson-dev libmd-dev libxxhash-dev \
	libcurl4-openssl-dev perl \
	lighttpd apache2 libapache2-mod-fcgid apache2-suexec-custom nginx-light php-cgi libcgi-pm-perl sqlite3 strace curl faketime e2fsprogs xfsprogs
# nodejs from elsewhere brings an npm that Debian's package of that name would conflict with.
BENCH_PACKAGES := wrk fcgiwrap spawn-fcgi $(if $(shell command -v npm),,nodejs npm)
PAGES_PACKAGES := chromium $(if $(shell command -v npm),,nodejs npm)
LINT_PACKAGES := clang clang-tidy clang-format cppcheck mandoc

# One sanitized build beside the plain one, so that both stay usable.
ifneq ($(SAN),)
BUILD    := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifneq ($(FAULTS),)
BUILD    := build/faults
DEFS     += -DRETRYSAFE_FAULTS
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wmissing-prototypes -Wshadow -Wvla -Wformat=2 \
	-Wstrict-prototypes -Wwrite-strings -Wpointer-arith -Wcast-qual
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
	-DLIBFCGI_VERSION='"$(shell pkg-config --modversion fcgi 2>/dev/null)"' $(DEFS) \
	$(WARNINGS) $(CFLAGS) $(SANFLAGS) -Isrc
ifneq ($(SAN),)
ALL_CFLAGS := $(subst -D_FORTIFY_SOURCE=2,,$(ALL_CFLAGS)) -Wno-format-truncation
endif
LIBS     := -lsqlite3 -ljansson -lmd -lpthread
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SANFLAGS)

# What only retrysafe-notify is made of: it loads libcurl.
NOTIFY_SOURCES := $(sort $(wildcard src/notify/*.c))
NOTIFY_OBJECTS := $(NOTIFY_SOURCES:src/%.c=$(BUILD)/obj/%.o)
NOTIFY_LIBS    := -lcurl -lsqlite3 -ljansson -lmd -lpthread
# The same for retrysafe-doctor.
DOCTOR_SOURCES := $(sort $(wildcard src/doctor/*.c))
DOCTOR_OBJECTS := $(DOCTOR_SOURCES:src/%.c=$(BUILD)/obj/%.o)
SOURCES := $(filter-out $(NOTIFY_SOURCES) $(DOCTOR_SOURCES),$(sort $(shell find src -name '*.c')))
HEADERS := $(sort $(shell find src -name '*.h'))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
UNITS   := $(sort $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c)))

.DELETE_ON_ERROR:
.PHONY: static all deps demo serve check check-fast check-newer-sqlite check-pages crash powercut torture bench unit lint format install clean help dist

all: $(BUILD)/retrysafe $(BUILD)/retrysafe.fcgi $(BUILD)/retrysafe.cgi $(BUILD)/retrysafe-notify $(BUILD)/retrysafe-doctor ## build the programs and two links

$(BUILD)/retrysafe: $(OBJECTS)
	$(CC) $(ALL_LDFLAGS) -o $@ $(OBJECTS) $(LIBS)

# For CGI, where every request starts the program anew: nothing has to be loaded and bound.  The
# linker warns of getaddrinfo(3): a static program takes names of hosts from the C library of the
# system that it was built on, so --listen should be given an address.
static: $(OBJECTS) ## build/static/retrysafe: one file, quicker to start
	@mkdir -p $(BUILD)/static
	$(CC) -static-pie $(filter-out -pie,$(ALL_LDFLAGS)) -o $(BUILD)/static/retrysafe $(OBJECTS) $(LIBS) -lm -ldl
	ln -sf retrysafe $(BUILD)/static/retrysafe.fcgi
	ln -sf retrysafe $(BUILD)/static/retrysafe.cgi

$(BUILD)/retrysafe.fcgi $(BUILD)/retrysafe.cgi: $(BUILD)/retrysafe
	ln -sf retrysafe $@

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# It takes in these files.
$(BUILD)/obj/cli/snippet_text.o: $(wildcard conf/snippets/*)

$(BUILD)/retrysafe-notify: $(NOTIFY_OBJECTS) $(BUILD)/units.a
	$(CC) $(ALL_LDFLAGS) -o $@ $(NOTIFY_OBJECTS) $(BUILD)/units.a $(NOTIFY_LIBS)

$(BUILD)/retrysafe-doctor: $(DOCTOR_OBJECTS) $(BUILD)/units.a
	$(CC) $(ALL_LDFLAGS) -o $@ $(DOCTOR_OBJECTS) $(BUILD)/units.a $(NOTIFY_LIBS)

# A unit test includes the .c files it looks into; what it does not include comes from the archive.
$(BUILD)/units.a: $(filter-out $(BUILD)/obj/main.o,$(OBJECTS))
	rm -f $@
	ar rcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/units.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -Itests -o $@ $< $(BUILD)/units.a $(LIBS)

-include $(OBJECTS:.o=.d) $(NOTIFY_OBJECTS:.o=.d) $(DOCTOR_OBJECTS:.o=.d) $(UNITS:=.d)

deps: ## install what is missing from Debian's packages (or print how)
	@sh tests/deps.sh $(PACKAGES)

demo: deps ## a retried POST, shown: one order, two equal answers
	@$(MAKE) --no-print-directory -s all
	@perl -Itests/lib demo/demo.pl

serve: deps ## keep the demo's server up for a browser
	@$(MAKE) --no-print-directory -s all
	@perl -Itests/lib demo/demo.pl serve

unit: $(UNITS)

# Unit tests are linked with objects of $(BUILD); only the others start programs with fault points.
NEEDS_FAULTS = $(if $(T),$(foreach t,$(T),$(if $(wildcard tests/unit/$(t).c),,$(filter all,$(t)) \
	$(wildcard tests/$(t)*.t))),all)

check: deps ## run all tests; T=name runs one, SAN=1 with ASan and UBSan
	@$(MAKE) --no-print-directory all unit
	$(if $(strip $(NEEDS_FAULTS)),@$(MAKE) --no-print-directory SAN= FAULTS=1 all)
	@RETRYSAFE_BUILD=$(BUILD) sh tests/run.sh $(if $(T),$(T),all)

# What finds most mistakes in a minute.
check-fast: deps ## unit tests, our own lint rules and one wiring, in under a minute; prints its time
	@$(MAKE) --no-print-directory all unit
	@start=$$(date +%s); sh tests/lint.sh own && RETRYSAFE_BUILD=$(BUILD) \
		RETRYSAFE_WIRING='lighttpd socket' sh tests/run.sh unit t10 && \
		echo "check-fast: $$(($$(date +%s) - start)) s"

check-newer-sqlite: deps ## the tests of the store against the newest SQLite that npm brings
	@sh tests/newer-sqlite.sh

check-pages: deps ## the pages for people in Chromium, with axe-core, which npm brings
	@sh tests/deps.sh $(PAGES_PACKAGES)
	@$(MAKE) --no-print-directory -s all $(BUILD)/units.a
	@RETRYSAFE_BUILD=$(BUILD) sh tests/pages/check.sh

torture: deps ## kill gateways, keepers, verbs and scripts under load, and prove the history: SECONDS= SEED= POLICY=mixed|fail|rerun|...
	@$(MAKE) --no-print-directory -s all
	@RETRYSAFE_BUILD=$(BUILD) perl -Itests/lib -Itests/torture tests/torture/torture.pl \
		--seconds $(SECONDS) --seed $(SEED)

crash: deps ## a fault at every system call, on every path: JOBS=2 SEED= KINDS= PATHS= SAMPLE= ONLY=
	@$(MAKE) --no-print-directory -s all
	@RETRYSAFE_BUILD=$(BUILD) perl tests/crash/sweep.pl

powercut: deps ## power cuts on ext4 and XFS: CUTS=20 SEED= FS=; CONTROL=1 shows that they are noticed
	@sh tests/deps.sh e2fsprogs xfsprogs eatmydata
	@$(MAKE) --no-print-directory -s all
	@RETRYSAFE_BUILD=$(BUILD) perl tests/powercut/powercut.pl

FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: ## fuzz what reads bytes from outside, SECONDS each
	@sh tests/deps.sh clang libclang-rt-14-dev libjansson-dev libmd-dev libfcgi-dev
	@mkdir -p build/fuzz
	@for f in $(FUZZERS); do \
		clang -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -Isrc \
			-o build/fuzz/$$f tests/fuzz/fuzz_$$f.c src/base/err.c src/base/digest.c src/http/status.c \
			$$(sed -n 's|^/\* links: \(.*\) \*/|\1|p' tests/fuzz/fuzz_$$f.c) -ljansson -lmd -lfcgi && \
		mkdir -p build/fuzz/corpus-$$f && \
		build/fuzz/$$f -max_total_time=$(SECONDS) -artifact_prefix=build/fuzz/$$f- \
			$$(ls tests/fuzz/fuzz_$$f.dict 2>/dev/null | sed s/^/-dict=/) build/fuzz/corpus-$$f || exit 1; \
	done

bench: deps ## retrysafe beside the compared programs: ROUNDS=5 SECONDS=2 ONLY=figure KEYS=1000000 REQUESTS=100000 WRITE=directory
	@sh tests/deps.sh $(BENCH_PACKAGES)
	@$(MAKE) --no-print-directory -s all $(BUILD)/units.a
	@RETRYSAFE_BUILD=$(abspath $(BUILD)) perl bench/bench.pl --rounds $(ROUNDS) --keys $(KEYS) \
		--requests $(REQUESTS) --seconds $(if $(filter file,$(origin SECONDS)),2,$(SECONDS)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write $(WRITE))

lint: ## strict warnings as errors with gcc and clang, clang-tidy, cppcheck, formatting, our own rules
	@sh tests/deps.sh $(LINT_PACKAGES)
	@sh tests/lint.sh

format: ## let clang-format rewrite the sources
	clang-format -i $(SOURCES) $(NOTIFY_SOURCES) $(HEADERS) tests/tap.h tests/unit/*.[ch] tests/fuzz/*.c

# The pages refer to each other by these places, so they have them when they are installed, too.
DOCS := docs docs/decisions docs/deploy docs/performance
install: all ## install into DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/retrysafe \
		$(DOCS:%=$(DESTDIR)$(PREFIX)/share/doc/retrysafe/%) \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 0755 $(BUILD)/retrysafe $(BUILD)/retrysafe-notify $(BUILD)/retrysafe-doctor $(DESTDIR)$(PREFIX)/bin
	ln -sf ../../bin/retrysafe $(DESTDIR)$(PREFIX)/lib/retrysafe/retrysafe.fcgi
	ln -sf ../../bin/retrysafe $(DESTDIR)$(PREFIX)/lib/retrysafe/retrysafe.cgi
	install -m 0644 README.md CHANGES.md LICENSE $(wildcard conf/*.*) conf/htaccess-* $(DESTDIR)$(PREFIX)/share/doc/retrysafe
	for d in $(DOCS); do \
		install -m 0644 $$(find $$d -maxdepth 1 -type f) $(DESTDIR)$(PREFIX)/share/doc/retrysafe/$$d || exit 1; \
	done
	install -m 0644 man/retrysafe.1 man/retrysafe-notify.1 man/retrysafe-doctor.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 0644 man/retrysafe.json.5 $(DESTDIR)$(PREFIX)/share/man/man5

dist: ## a tarball of the committed tree, if its version is the newest of CHANGES.md
	@grep -m 1 '^## ' CHANGES.md | grep -q '^## $(VERSION) - ' || { \
		echo "CHANGES.md does not begin with version $(VERSION)" >&2; exit 1; }
	git archive --format=tar.gz --prefix=retrysafe-$(VERSION)/ -o retrysafe-$(VERSION).tar.gz HEAD

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26
