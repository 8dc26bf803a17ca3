#@ Packages: ghostscript poppler-utils
#@ Needs: gs pdftotext pdftoppm
#@ Does: a PostScript program to PDF, its text, its picture
echo '%!PS
/Times-Roman findfont 24 scalefont setfont 1 1 40 { dup 72 exch 18 mul 20 add moveto (line ) show 10 string cvs show } for showpage' > a.ps; gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=a.pdf a.ps; pdftotext a.pdf - | sort | md5sum; pdftoppm -r 50 a.pdf | md5sum; pdfinfo a.pdf | grep Pages; gs -q -dNOPAUSE -dBATCH -sDEVICE=ppmraw -r40 -sOutputFile=- a.pdf | md5sum
