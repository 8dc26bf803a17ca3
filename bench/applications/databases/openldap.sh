#@ Packages: slapd ldap-utils
#@ Needs: slapd ldapadd
#@ Does: adds, searches and changes two hundred entries over loopback, dumps the directory
mkdir db; cat > conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=trial"
rootdn "cn=admin,dc=trial"
rootpw secret
directory $HOME/db
END
slapd -f conf -h ldap://127.0.0.1:3890/ -d 0 & until_open 3890
{ printf 'dn: dc=trial\nobjectClass: domain\ndc: trial\n\n'; for i in $(seq 200); do printf 'dn: cn=p%s,dc=trial\nobjectClass: person\ncn: p%s\nsn: s%s\n\n' $i $i $((i % 10)); done; } > in
l() { c=$1; shift; $c -x -H ldap://127.0.0.1:3890/ -D cn=admin,dc=trial -w secret "$@"; }
l ldapadd -f in | grep -c adding; l ldapsearch -LLL -b dc=trial '(sn=s3)' cn | grep -c ^cn; printf 'dn: cn=p3,dc=trial\nchangetype: modify\nreplace: sn\nsn: new\n' | l ldapmodify > /dev/null; l ldapsearch -LLL -b dc=trial '(sn=new)' sn
kill %1; wait %1; slapcat -f conf | grep -c ^dn
