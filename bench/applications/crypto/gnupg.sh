#@ Packages: gnupg
#@ Needs: gpg
#@ Does: keys by its agent, encryption, signatures
export GNUPGHOME=$HOME/g; mkdir -m 700 g; gpg --batch -q --passphrase '' --quick-gen-key a@trial ed25519 sign never 2> /dev/null; gpg --batch -q --passphrase '' --quick-gen-key b@trial default default never 2> /dev/null; gpg -K --with-colons 2> /dev/null | grep -c '^sec'
seq 10000 > d; gpg --batch -q --trust-model always -r b@trial -e d; gpg --batch -q -d d.gpg 2> /dev/null | cmp - d && echo equal; gpg --batch -q -u a@trial -s -o d.sig d; gpg --batch --verify d.sig 2>&1 | grep -c Good; gpg --batch -q --passphrase p --pinentry-mode loopback -c -o s d; gpg --batch -q --passphrase p --pinentry-mode loopback -d s 2> /dev/null | md5sum; gpgconf --kill all
