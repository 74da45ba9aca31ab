# PGXS build of the extension: make, make install, make installcheck (against a running server).
# DEBUG=1 builds with assertions and less optimisation, WERROR=-Werror as ./run does; a future compiler's new warning stops no user. Without a server: make check (unit tests of the core), make bench.
MODULE_big = pg_topk
EXTENSION = control/pg_topk
# CREATE EXTENSION reads one file; its parts are in control/1.0, in the order of the rooms of src/ (control/README.md).
SCRIPT = control/pg_topk--1.0.sql
PARTS = $(patsubst %,control/1.0/%.sql,spacesaving spacesaving_aggregates cms cms_aggregates catalog roles stream statistics metrics \
                               fold answer chart accuracy define worker api)
DATA_built = $(SCRIPT)
OBJS = $(patsubst %.cpp,%.o,$(wildcard src/*/*.cpp))

REGRESS = $(patsubst sql/%.sql,%,$(wildcard sql/*.sql))
REGRESS_OPTS = --load-extension=pg_topk

PG_CPPFLAGS = $(if $(DEBUG),,-DNDEBUG)
# gcc asks for a format attribute that Error's constructor has: it does not see it on the clones of a constructor.
# -O3: merging adds and unpacks arrays, which gcc vectorizes well only from there.
PG_CXXFLAGS = $(if $(DEBUG),-O1,-O3) -std=c++20 -Wall -Wextra -Wshadow=compatible-local $(WERROR) -Wno-suggest-attribute=format -fvisibility=hidden
SHLIB_LINK = -lstdc++

ifeq ($(MAKECMDGOALS),check)
# PGXS has a target of this name, which says that it is not supported.
check:
	$(MAKE) -C tests unit
else
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# LLVM bitcode would only serve to inline SQL-callable functions, which are too large for that.
override with_llvm = no
include $(PGXS)

$(SCRIPT): $(PARTS)
	(printf '%s\n' '\echo Use "CREATE EXTENSION pg_topk" to load this file. \quit'; cat $(PARTS)) >$@

# A header change rebuilds everything: the build is short, and PGXS tracks headers only in configured trees.
$(OBJS): $(wildcard src/*/*.h)
endif

.PHONY: check bench format
bench: all
	$(MAKE) -C bench bench
format:
	clang-format -i $(shell git ls-files '*.h' '*.cpp')
