# SPDX-License-Identifier: MIT
# evswitch: "make" builds build/evswitch, "make deps demo" shows it, "make deps check" tests it.
# Every list of files is found, not written: a new src/*/*.c or tests/unit/*/*.c is built by being there.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
VARLINKDIR ?= $(PREFIX)/share/varlink
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
APPDIR     ?= $(PREFIX)/share/applications
KIODIR     ?= $(PREFIX)/share/kio/servicemenus
MENUDIR    ?= $(PREFIX)/share/evswitch-clipboard
DOCDIR     ?= $(PREFIX)/share/doc/evswitch
UDEVDIR    ?= /etc/udev/rules.d
MODULESDIR ?= /etc/modules-load.d
UNITDIR    ?= /etc/systemd/user
SYSTEMDIR  ?= /etc/systemd/system
USERSDIR   ?= /etc/sysusers.d

# The next release, or that of a tarball; conf/packages has it, too.
RELEASE := 0.1
# Not the commit of a repository around an unpacked tarball.
VERSION := $(shell { test -e .git && git describe --always --dirty; } 2>/dev/null || echo $(RELEASE))

# SAN=1 builds everything apart, with the address and undefined-behaviour sanitizers; FUZZ=1 with clang,
# these and what libFuzzer needs.
SAN   ?=
FUZZ  ?=
BUILD ?= build$(if $(FUZZ),/fuzz,$(if $(SAN),/san))
ifneq ($(FUZZ),)
override SAN := 1
CC := clang
endif
SANITIZERS = address$(,)undefined$(if $(FUZZ),$(,)fuzzer-no-link)

PKGS     := libevdev libudev libinput inih json-c libsystemd
WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wconversion -Wno-sign-conversion \
	    -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
CFLAGS   ?= -O2 -g
CFLAGS   += -std=gnu11 -fno-common $(WARNINGS) $(WERROR) \
	    $(if $(SAN),-fsanitize=$(SANITIZERS) -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer,-fstack-protector-strong)
CPPFLAGS += -D_GNU_SOURCE -Isrc \
	    $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
	    $(shell pkg-config --cflags $(PKGS))
LDFLAGS  += -Wl,-z,relro,-z,now -pie $(if $(SAN),-fsanitize=$(SANITIZERS))
CFLAGS   += -fPIE
# A frame's way leads through several modules: across them GCC saves a sixth of its instructions.
LTO      ?= $(if $(SAN)$(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
# Not for the tests' programs: there are many, and each would take seconds to link.
NO_LTO   := $(if $(LTO),-fno-lto)
LDLIBS   += $(shell pkg-config --libs $(PKGS)) -pthread
,        := ,

# V=1 shows the commands.
V ?=
Q := $(if $(V),,@)

CLIPBOARD_SRC := $(wildcard src/clipboard/*.c)
SRC  := $(filter-out $(CLIPBOARD_SRC),$(wildcard src/*.c src/*/*.c))
OBJ  := $(SRC:src/%.c=$(BUILD)/obj/%.o)
CORE := $(filter-out $(BUILD)/obj/main.o,$(OBJ))

# evswitch-clipboard is a program of its own, with libraries of its own. It is left out where these are missing;
# CLIPBOARD=yes makes that an error, and CLIPBOARD= leaves it out anyway.
CLIPBOARD_PKGS := json-c xcb xcb-xfixes gdk-pixbuf-2.0
CLIPBOARD      ?= $(shell pkg-config --exists $(CLIPBOARD_PKGS) spice-protocol && echo yes)
# The libraries' own headers are not held to our warnings.
CLIPBOARD_CPPFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(CLIPBOARD_PKGS) spice-protocol 2>/dev/null))
CLIPBOARD_OBJ  := $(CLIPBOARD_SRC:src/%.c=$(BUILD)/obj/%.o)
CLIPBOARD_CORE := $(filter-out $(BUILD)/obj/clipboard/main.o,$(CLIPBOARD_OBJ))
# What it shares with evswitch.
SHARED := $(filter $(BUILD)/obj/base/%,$(OBJ)) $(BUILD)/obj/control/client.o
$(BUILD)/obj/clipboard/%.o $(BUILD)/tests/unit/clipboard/%.o $(BUILD)/tests/lib/clipboard/%.o $(BUILD)/tests/fuzz/clipboard.o: CPPFLAGS += $(CLIPBOARD_CPPFLAGS)

# Programs of the tests. tests/unit runs anywhere, tests/real and tests/bench in the VM.
TEST_LIB  := $(patsubst tests/lib/%.c,$(BUILD)/tests/lib/%.o,$(wildcard tests/lib/*.c))
TEST_SRC  := $(filter-out tests/unit/clipboard/% tests/guest/test-clipboard.c,$(wildcard tests/unit/*/*.c tests/real/*.c tests/bench/*.c tests/guest/test-*.c))
TEST_PROG := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
CLIPBOARD_LIB  := $(patsubst tests/%.c,$(BUILD)/tests/%.o,$(wildcard tests/lib/clipboard/*.c))
CLIPBOARD_TEST := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/clipboard/*.c) tests/guest/test-clipboard.c)
FUZZ_LIB  := $(patsubst tests/%.c,$(BUILD)/tests/%.o,$(wildcard tests/fuzz/lib/*.c))
FUZZ_PROG := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/*.c))

all: $(BUILD)/evswitch $(if $(CLIPBOARD),$(BUILD)/evswitch-clipboard)
	$(if $(CLIPBOARD)$(filter-out file,$(origin CLIPBOARD)),,@echo "  evswitch-clipboard is left out: it needs the development files of xcb, xcb-xfixes, gdk-pixbuf and spice-protocol")

$(BUILD)/evswitch: $(OBJ)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LTO) -MMD -MP -c -o $@ $<

# It embeds the file.
$(BUILD)/obj/control/interface.o: src/control/io.evswitch.varlink

# The objects that differ from commit to commit.
$(BUILD)/obj/main.o $(BUILD)/obj/clipboard/main.o: CPPFLAGS += -DEVSWITCH_VERSION='"$(VERSION)"'

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CPPFLAGS) -Itests/lib $(CFLAGS) -MMD -MP -c -o $@ $<

$(TEST_PROG): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_LIB) $(CORE)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(LDFLAGS) -o $@ $(filter-out $(WITHOUT),$^) $(LDLIBS) -lcmocka

# It includes these, with what they do to shared memory noted down.
$(BUILD)/tests/unit/keeper/test-order: WITHOUT := $(BUILD)/obj/keeper/evring.o $(BUILD)/obj/vhost/virtq.o

# It has a table of channels of its own.
$(BUILD)/tests/unit/guest/test-channel: WITHOUT := $(BUILD)/obj/guest/channel.o

$(BUILD)/shared.a: $(SHARED)
	@echo "  AR $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/evswitch-clipboard: $(CLIPBOARD_OBJ) $(BUILD)/shared.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLIPBOARD_PKGS)) -pthread

$(CLIPBOARD_TEST): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(CLIPBOARD_LIB) $(CLIPBOARD_CORE) $(BUILD)/shared.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(CLIPBOARD_PKGS)) -pthread -lcmocka

# The same program with another version of the keeper's protocol, as before or after an upgrade.
OTHER := $(addprefix keeper/,keeper keeper-client keeper-message)
$(BUILD)/other/%.o: CPPFLAGS += -DKEEPER_VERSION=99
$(BUILD)/other/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC $< (other version)"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/evswitch-other: $(filter-out $(OTHER:%=$(BUILD)/obj/%.o),$(OBJ)) $(OTHER:%=$(BUILD)/other/%.o)
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(NO_LTO) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Only the modules that a target calls, so that libFuzzer counts the edges of these. Its loop replaces ours.
$(BUILD)/fuzz.a: $(CORE) $(TEST_LIB) $(CLIPBOARD_CORE)
	@echo "  AR $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_LIB) $(FUZZ_PROG:=.o): CPPFLAGS += -Itests -Itests/fuzz/lib

$(FUZZ_PROG): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(FUZZ_LIB) $(BUILD)/fuzz.a
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter-out %.a,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka

# With FUZZ=1.
fuzzers: $(FUZZ_PROG)

tests: all $(BUILD)/tests/evswitch-other $(TEST_PROG) $(if $(CLIPBOARD),$(CLIPBOARD_TEST))

# What the compiler has to say of the tests' sources, without compiling and linking a hundred programs.
syntax: $(patsubst %,syntax/%,$(wildcard tests/lib/*.c tests/lib/clipboard/*.c tests/unit/clipboard/*.c tests/fuzz/*.c tests/fuzz/lib/*.c) $(TEST_SRC))
syntax/%:
	$(Q)$(CC) -fsyntax-only $(CPPFLAGS) $(CLIPBOARD_CPPFLAGS) -Itests/lib -Itests -Itests/fuzz/lib $(CFLAGS) $*

# What building, the demonstration and the tests need; sudo is asked only if something is missing.
deps:
	@tests/deps

demo: all tests
	@tests/demo/run $(BUILD)

check:
	@tests/check $(if $(SAN),--san)

# Each target of tests/fuzz for FUZZ_SECONDS, or one: TARGET=qmp. Findings are in build/fuzz/TARGET.
FUZZ_SECONDS ?= 600
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(TARGET)

# What takes too long for every run. Of the other files that tests/mutate knows, some mutants still survive.
check-long: all tests
	$(BUILD)/tests/unit/core/explore 3000000
	$(BUILD)/tests/unit/core/walk 2000000 $$(seq 11 20)
	tests/mutate core/ evdev/ conf/ keeper/ qemu/runstate.c vhost/vinput-config.c vhost/virtq.c vhost/vmem.c
	tests/vm/run --udev --rules conf/65-evswitch.rules --timeout 20000 -- $(BUILD)/tests/real/test-faults

# Which lines of src/ the native suites execute: a figure for each folder. Builds into build/coverage.
coverage:
	@tests/coverage

check-nested: all tests
	@tests/nested/run $(BUILD)

# A virtio input device against the drivers of real guests; make deps gets those.
check-guest: all tests
	@status=0; for guest in uml qemu; do \
		tests/guest/run $$guest $(BUILD) || status=1; done; exit $$status

# The commands of README, by a new user in a VM with systemd, from the package to the first toggle.
check-journey: all tests deb
	status=0; for way in "" --by-hand; do \
		tests/vm/run --systemd --user tester --rules conf/65-evswitch.rules --timeout 900 -- \
		tests/real/test-journey.sh $(BUILD) $$way || status=1; done; exit $$status

# Needs libvirtd (Debian: libvirt-daemon-system), which "make deps" does not put on anybody's machine.
check-libvirt: all tests
	tests/vm/run --udev --rules conf/65-evswitch.rules --timeout 900 -- $(BUILD)/tests/real/test-libvirt

format:
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch] tests/fuzz/lib/*.[ch])

# evswitch-clipboard is installed by itself, too: packages have it apart.
install: all $(if $(CLIPBOARD),install-clipboard)
	install -D -m 755 $(BUILD)/evswitch $(DESTDIR)$(BINDIR)/evswitch
	install -D -m 644 src/control/io.evswitch.varlink $(DESTDIR)$(VARLINKDIR)/io.evswitch.varlink
	install -D -m 644 src/evswitch.1 $(DESTDIR)$(MANDIR)/man1/evswitch.1
	install -D -m 644 src/evswitch.conf.5 $(DESTDIR)$(MANDIR)/man5/evswitch.conf.5
	install -D -m 644 conf/evswitch.conf $(DESTDIR)$(DOCDIR)/evswitch.conf
	install -D -m 644 -t $(DESTDIR)$(DOCDIR) conf/waybar.jsonc conf/i3status-rust.toml
	install -D -m 644 conf/completions/evswitch.bash $(DESTDIR)$(BASHDIR)/evswitch
	install -D -m 644 conf/completions/_evswitch $(DESTDIR)$(ZSHDIR)/_evswitch
	install -D -m 644 conf/completions/evswitch.fish $(DESTDIR)$(FISHDIR)/evswitch.fish
	install -D -m 644 conf/65-evswitch.rules $(DESTDIR)$(UDEVDIR)/65-evswitch.rules
	install -D -m 644 conf/evswitch-uinput.conf $(DESTDIR)$(MODULESDIR)/evswitch-uinput.conf
	install -D -m 644 systemd/sysusers.d/evswitch.conf $(DESTDIR)$(USERSDIR)/evswitch.conf
	for unit in user/evswitch user/evswitch-hooks system/evswitch; do \
		to=$(UNITDIR); case $$unit in system/*) to=$(SYSTEMDIR);; esac; \
		sed 's|@BINDIR@|$(BINDIR)|' systemd/$$unit.service | \
		install -D -m 644 /dev/stdin $(DESTDIR)$$to/$${unit##*/}.service || exit; done

install-clipboard: all
	install -D -m 755 $(BUILD)/evswitch-clipboard $(DESTDIR)$(BINDIR)/evswitch-clipboard
	install -D -m 644 src/clipboard/evswitch-clipboard.1 $(DESTDIR)$(MANDIR)/man1/evswitch-clipboard.1
	install -D -m 644 conf/completions/evswitch-clipboard.bash $(DESTDIR)$(BASHDIR)/evswitch-clipboard
	install -D -m 644 conf/completions/_evswitch-clipboard $(DESTDIR)$(ZSHDIR)/_evswitch-clipboard
	install -D -m 644 conf/completions/evswitch-clipboard.fish $(DESTDIR)$(FISHDIR)/evswitch-clipboard.fish
	install -D -m 755 conf/menus/send $(DESTDIR)$(MENUDIR)/send
	for file in systemd/user/evswitch-clipboard@.service:$(UNITDIR) conf/menus/thunar.xml:$(MENUDIR) \
		conf/menus/evswitch-send.desktop:$(APPDIR) conf/menus/evswitch-send-kde.desktop:$(KIODIR); do \
		from=$${file%%:*}; \
		sed 's|@BINDIR@|$(BINDIR)|; s|@MENUDIR@|$(MENUDIR)|' $$from | \
		install -D -m 644 /dev/stdin $(DESTDIR)$${file#*:}/$${from##*/} || exit; done

# What an earlier build may have had and this one has not, too.
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/evswitch $(DESTDIR)$(MANDIR)/man1/evswitch.1 \
		$(DESTDIR)$(MANDIR)/man5/evswitch.conf.5 $(DESTDIR)$(DOCDIR)/evswitch.conf \
		$(DESTDIR)$(DOCDIR)/waybar.jsonc $(DESTDIR)$(DOCDIR)/i3status-rust.toml \
		$(DESTDIR)$(UDEVDIR)/65-evswitch.rules \
		$(DESTDIR)$(MODULESDIR)/evswitch-uinput.conf $(DESTDIR)$(UNITDIR)/evswitch.service \
		$(DESTDIR)$(UNITDIR)/evswitch-hooks.service $(DESTDIR)$(SYSTEMDIR)/evswitch.service \
		$(DESTDIR)$(USERSDIR)/evswitch.conf
	rm -f $(DESTDIR)$(VARLINKDIR)/io.evswitch.varlink $(DESTDIR)$(BASHDIR)/evswitch \
		$(DESTDIR)$(ZSHDIR)/_evswitch $(DESTDIR)$(FISHDIR)/evswitch.fish
	rm -f $(DESTDIR)$(BINDIR)/evswitch-clipboard $(DESTDIR)$(MANDIR)/man1/evswitch-clipboard.1 \
		$(DESTDIR)$(BASHDIR)/evswitch-clipboard $(DESTDIR)$(ZSHDIR)/_evswitch-clipboard \
		$(DESTDIR)$(FISHDIR)/evswitch-clipboard.fish $(DESTDIR)$(MENUDIR)/send $(DESTDIR)$(MENUDIR)/thunar.xml \
		$(DESTDIR)$(UNITDIR)/evswitch-clipboard@.service $(DESTDIR)$(APPDIR)/evswitch-send.desktop \
		$(DESTDIR)$(KIODIR)/evswitch-send-kde.desktop
	-rmdir $(DESTDIR)$(DOCDIR) $$(test ! -d $(DESTDIR)$(MENUDIR) || echo $(DESTDIR)$(MENUDIR))

# The last commit as a tarball: the same commit gives the same bytes.
DIST := evswitch-$(RELEASE)
dist:
	@mkdir -p $(BUILD)
	git archive --prefix=$(DIST)/ HEAD | xz -9 -T1 >$(BUILD)/$(DIST).tar.xz

# Debian packages of that tarball, with its source, in $(BUILD)/deb. What this make was called with is not
# for that build.
deb: dist
	rm -rf $(BUILD)/deb
	mkdir $(BUILD)/deb
	cp $(BUILD)/$(DIST).tar.xz $(BUILD)/deb/evswitch_$(RELEASE).orig.tar.xz
	tar -C $(BUILD)/deb -xf $(BUILD)/$(DIST).tar.xz
	cp -r $(BUILD)/deb/$(DIST)/conf/packages/debian $(BUILD)/deb/$(DIST)/debian
	cd $(BUILD)/deb/$(DIST) && \
		env -u MAKEFLAGS -u MFLAGS -u BUILD -u SAN -u WERROR -u VERSION -u V dpkg-buildpackage -us -uc

clean:
	rm -rf build $(BUILD)

.PHONY: all tests syntax deps demo check coverage fuzz fuzzers check-nested check-libvirt check-journey check-guest format install install-clipboard uninstall dist deb clean check-long
.SECONDARY:
-include $(OBJ:.o=.d) $(CLIPBOARD_OBJ:.o=.d) $(CLIPBOARD_TEST:=.d) $(TEST_LIB:.o=.d) $(TEST_PROG:=.d) $(OTHER:%=$(BUILD)/other/%.d) $(FUZZ_LIB:.o=.d) $(FUZZ_PROG:=.d)
