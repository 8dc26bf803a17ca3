#@ Packages: lighttpd curl apache2-utils
#@ Needs: lighttpd curl ab
#@ Does: files, ranges, CGI, 1000 requests of ab
mkdir www; seq 1 20000 > www/big; printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"; echo cgi $QUERY_STRING; cat' > www/x.cgi; chmod +x www/x.cgi
echo "server.document-root = \"$HOME/www\"
server.port = 8083
server.bind = \"127.0.0.1\"
server.modules = (\"mod_cgi\")
cgi.assign = (\".cgi\" => \"\")
server.upload-dirs = (\"$HOME\")" > conf
lighttpd -D -f conf > log 2>&1 & until_open 8083; curl -s http://127.0.0.1:8083/big | md5sum; curl -s -r 5-50 http://127.0.0.1:8083/big | md5sum; curl -s -d posted "http://127.0.0.1:8083/x.cgi?query"; echo
ab -q -k -n 1000 -c 10 http://127.0.0.1:8083/big 2> /dev/null | grep -E 'Complete|Failed'; kill -INT $!; wait $!; echo $?
