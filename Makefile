# Builds the extension with PGXS: make, make install, make installcheck (on a running server). make check runs the unit tests of
# the core, which need no server. DEBUG=1 builds with assertions and less optimization. WERROR=-Werror, which ./run sets, makes
# warnings errors; the default lets users build with a compiler whose warnings are new.
MODULE_big = pg_topk
EXTENSION = control/pg_topk
# CREATE EXTENSION reads one file; its parts are in control/1.0, in the order of the rooms of src/ (control/README.md).
SCRIPT = control/pg_topk--1.0.sql
PARTS = $(patsubst %,control/1.0/%.sql,spacesaving spacesaving_aggregates cms cms_aggregates catalog roles stream statistics metrics \
                               cluster fold answer chart accuracy define worker api)
DATA_built = $(SCRIPT)
OBJS = $(patsubst %.cpp,%.o,$(wildcard src/*/*.cpp))

REGRESS = $(patsubst sql/%.sql,%,$(wildcard sql/*.sql))
REGRESS_OPTS = --load-extension=pg_topk

PG_CPPFLAGS = $(if $(DEBUG),,-DNDEBUG) -I$(libpq_srcdir)
# The constructor of Error has the format attribute, but gcc misses it on clones of the constructor, and warns.
# -O3: only from there on, gcc vectorizes the loops that add and unpack arrays when states are merged.
PG_CXXFLAGS = $(if $(DEBUG),-O1,-O3) -std=c++20 -Wall -Wextra -Wshadow=compatible-local $(WERROR) -Wno-suggest-attribute=format -fvisibility=hidden
SHLIB_LINK = -lstdc++ $(libpq)

# These need no server.
ifeq ($(filter-out check gateway install-gateway,$(or $(MAKECMDGOALS),all)),)
# PGXS has a target of this name too, which only prints that it is not supported.
check:
	$(MAKE) -C tests unit
else
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# LLVM bitcode serves to inline functions that SQL calls; these are too large for that.
override with_llvm = no
include $(PGXS)

$(SCRIPT): $(PARTS)
	(printf '%s\n' '\echo Use "CREATE EXTENSION pg_topk" to load this file. \quit'; cat $(PARTS)) >$@

# A changed header rebuilds everything, which is short. PGXS tracks headers only if PostgreSQL was configured for that.
$(OBJS): $(wildcard src/*/*.h)
endif

.PHONY: check bench dist format gateway install-gateway
# The HTTP service: libraries of its own, nothing of the extension's (gateway/README.md).
gateway:
	$(MAKE) -C gateway
install-gateway:
	$(MAKE) -C gateway install
bench: all
	$(MAKE) -C bench bench
format:
	clang-format -i $(shell git ls-files '*.h' '*.cpp')
# The archive for PGXN, with the generated script that META.json names. DIST is the directory for it.
DIST = build
VERSION = $(shell sed -nE 's/^    "version": "(.*)",/\1/p' META.json)
dist: $(SCRIPT)
	mkdir -p $(DIST)
	git archive --format=zip -o $(DIST)/pg_topk-$(VERSION).zip --prefix=pg_topk-$(VERSION)/control/ --add-file=$(SCRIPT) \
	    --prefix=pg_topk-$(VERSION)/ HEAD
