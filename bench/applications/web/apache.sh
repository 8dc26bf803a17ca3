#@ Packages: apache2-bin apache2-utils curl
#@ Needs: apache2 ab curl
#@ Does: the event and the prefork model: files, CGI, a graceful restart, 1000 requests of ab
mkdir www; seq 1 20000 > www/big; printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"; echo cgi $QUERY_STRING; cat' > www/x.cgi; chmod +x www/x.cgi
for mpm in event prefork; do cgi=$([ $mpm = event ] && echo cgid || echo cgi); m=/usr/lib/apache2/modules
cat > conf <<END
ServerRoot $HOME
ServerName localhost
Listen 127.0.0.1:8082
PidFile $HOME/pid
ErrorLog $HOME/err
Mutex fcntl:$HOME
LoadModule mpm_${mpm}_module $m/mod_mpm_$mpm.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule ${cgi}_module $m/mod_$cgi.so
LoadModule mime_module $m/mod_mime.so
TypesConfig /etc/mime.types
$([ $mpm = event ] && echo "ScriptSock $HOME/cgisock")
DocumentRoot $HOME/www
<Directory $HOME/www>
Options +ExecCGI
AddHandler cgi-script .cgi
Require all granted
</Directory>
END
setsid apache2 -f $HOME/conf -DFOREGROUND & until_open 8082
curl -s http://127.0.0.1:8082/big | md5sum; curl -s -d posted "http://127.0.0.1:8082/x.cgi?query"; echo; ab -q -k -n 1000 -c 10 http://127.0.0.1:8082/big 2> /dev/null | grep -E 'Complete|Failed'
kill -USR1 $(cat pid); sleep 0.5; curl -s http://127.0.0.1:8082/big | md5sum; end_by TERM $!; echo "$mpm ended"; done
