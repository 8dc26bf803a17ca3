#@ Packages: ripgrep fdupes
#@ Needs: rg fdupes
#@ Does: a search with threads over /usr/include, equal files
rg -c --sort path define /usr/include/linux | md5sum; rg -c -j4 '\bint\b' /usr/include | sort | md5sum; cp -r /usr/include/linux a; cp -r a b; fdupes -r -q a b | grep -c .; fdupes -rqdN a b > /dev/null; find a b -type f | wc -l
