# evswitch: "make" builds build/evswitch, "make deps demo" shows it, "make deps check" tests it.
# Every list of files is found, not written: a new src/*/*.c or tests/unit/*/*.c is built by being there.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/evswitch
UDEVDIR    ?= /etc/udev/rules.d
MODULESDIR ?= /etc/modules-load.d
UNITDIR    ?= /etc/systemd/user

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo 0.1)

# SAN=1 builds everything apart, with the address and undefined-behaviour sanitizers.
SAN   ?=
BUILD ?= build$(if $(SAN),/san)

PKGS     := libevdev libudev libinput inih json-c
WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wconversion -Wno-sign-conversion \
	    -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
CFLAGS   ?= -O2 -g
CFLAGS   += -std=gnu11 -fno-common $(WARNINGS) $(WERROR) \
	    $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer,-fstack-protector-strong)
CPPFLAGS += -D_GNU_SOURCE -Isrc \
	    $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
	    $(shell pkg-config --cflags $(PKGS))
LDFLAGS  += -Wl,-z,relro,-z,now -pie $(if $(SAN),-fsanitize=address$(,)undefined)
CFLAGS   += -fPIE
# A frame's way leads through several modules: across them GCC saves a sixth of its instructions.
LTO      ?= $(if $(SAN)$(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
LDLIBS   += $(shell pkg-config --libs $(PKGS)) -pthread
,        := ,

# V=1 shows the commands.
V ?=
Q := $(if $(V),,@)

SRC  := $(wildcard src/*.c src/*/*.c)
OBJ  := $(SRC:src/%.c=$(BUILD)/obj/%.o)
CORE := $(filter-out $(BUILD)/obj/main.o,$(OBJ))

# Programs of the tests. tests/unit runs anywhere, tests/real and tests/bench in the VM.
TEST_LIB  := $(patsubst tests/lib/%.c,$(BUILD)/tests/lib/%.o,$(wildcard tests/lib/*.c))
TEST_SRC  := $(wildcard tests/unit/*/*.c tests/real/*.c tests/bench/*.c tests/guest/test-*.c)
TEST_PROG := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)

all: $(BUILD)/evswitch

$(BUILD)/evswitch: $(OBJ)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LTO) -MMD -MP -c -o $@ $<

# The one object that differs from commit to commit.
$(BUILD)/obj/main.o: CPPFLAGS += -DEVSWITCH_VERSION='"$(VERSION)"'

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CPPFLAGS) -Itests/lib $(CFLAGS) -MMD -MP -c -o $@ $<

$(TEST_PROG): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_LIB) $(CORE)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out $(WITHOUT),$^) $(LDLIBS) -lcmocka

# It includes these, with what they do to shared memory noted down.
$(BUILD)/tests/unit/keeper/test-order: WITHOUT := $(BUILD)/obj/keeper/evring.o $(BUILD)/obj/vhost/virtq.o

# It has a table of channels of its own.
$(BUILD)/tests/unit/guest/test-channel: WITHOUT := $(BUILD)/obj/guest/channel.o

# The same program with another version of the keeper's protocol, as before or after an upgrade.
OTHER := $(addprefix keeper/,keeper kept keeper-message)
$(BUILD)/other/%.o: CPPFLAGS += -DKEEPER_VERSION=99
$(BUILD)/other/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC $< (other version)"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/evswitch-other: $(filter-out $(OTHER:%=$(BUILD)/obj/%.o),$(OBJ)) $(OTHER:%=$(BUILD)/other/%.o)
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

tests: $(BUILD)/evswitch $(BUILD)/tests/evswitch-other $(TEST_PROG)

# What building, the demonstration and the tests need; sudo is asked only if something is missing.
deps:
	@tests/deps

demo: all tests
	@tests/demo/run $(BUILD)

check:
	@tests/check $(if $(SAN),--san)

check-nested: all tests
	@tests/nested/run $(BUILD)

# A virtio input device against the drivers of real guests; make deps gets those.
check-guest: all tests
	@status=0; for guest in uml qemu; do \
		tests/guest/run $$guest $(BUILD) || status=1; done; exit $$status

# Needs libvirtd (Debian: libvirt-daemon-system), which "make deps" does not put on anybody's machine.
check-libvirt: all tests
	tests/vm/run --udev --rules conf/65-evswitch.rules --timeout 900 -- $(BUILD)/tests/real/test-libvirt

format:
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])

install: all
	install -D -m 755 $(BUILD)/evswitch $(DESTDIR)$(BINDIR)/evswitch
	install -D -m 644 src/evswitch.1 $(DESTDIR)$(MANDIR)/man1/evswitch.1
	install -D -m 644 src/evswitch.conf.5 $(DESTDIR)$(MANDIR)/man5/evswitch.conf.5
	install -D -m 644 conf/evswitch.conf $(DESTDIR)$(DOCDIR)/evswitch.conf
	install -D -m 644 conf/65-evswitch.rules $(DESTDIR)$(UDEVDIR)/65-evswitch.rules
	install -D -m 644 conf/evswitch-uinput.conf $(DESTDIR)$(MODULESDIR)/evswitch-uinput.conf
	sed 's|@BINDIR@|$(BINDIR)|' systemd/user/evswitch.service | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/evswitch.service

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/evswitch $(DESTDIR)$(MANDIR)/man1/evswitch.1 \
		$(DESTDIR)$(MANDIR)/man5/evswitch.conf.5 $(DESTDIR)$(DOCDIR)/evswitch.conf \
		$(DESTDIR)$(UDEVDIR)/65-evswitch.rules \
		$(DESTDIR)$(MODULESDIR)/evswitch-uinput.conf $(DESTDIR)$(UNITDIR)/evswitch.service
	-rmdir $(DESTDIR)$(DOCDIR)

clean:
	rm -rf build $(BUILD)

.PHONY: all tests deps demo check check-nested check-libvirt check-guest format install uninstall clean
.SECONDARY:
-include $(OBJ:.o=.d) $(TEST_LIB:.o=.d) $(TEST_PROG:=.d) $(OTHER:%=$(BUILD)/other/%.d)
