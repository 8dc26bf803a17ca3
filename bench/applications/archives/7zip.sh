#@ Packages: 7zip unzip zip
#@ Needs: 7z zip unzip
#@ Does: archives of two formats with encryption, its benchmark
cp -r /usr/include/linux src; 7z a -mmt=2 -psecret a.7z src > /dev/null; mkdir o; 7z x -psecret -oo a.7z > /dev/null; diff -r src o/src && echo equal; 7z t -pwrong a.7z > /dev/null 2>&1 || echo refused
zip -qr a.zip src; unzip -q a.zip -d z; diff -r src z/src && unzip -tq a.zip; 7z b 1 -mmt2 -md18 > /dev/null && echo benchmark
