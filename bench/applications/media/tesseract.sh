#@ Packages: tesseract-ocr imagemagick fonts-dejavu-core
#@ Needs: tesseract magick /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
#@ Does: reads a picture of words with OpenMP threads
magick -background white -fill black -font /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf -pointsize 32 'label:The quick brown fox\njumps over the lazy dog' t.png; tesseract t.png - 2> /dev/null
