#@ Packages: imagemagick
#@ Needs: magick
#@ Does: pictures of its own in five formats, resized, blurred, compared
magick -size 400x300 plasma:fractal -seed 1 -blur 0x1 x.png 2> /dev/null; magick -size 400x300 gradient:red-blue g.png; for f in jpg gif tiff webp bmp; do magick g.png g.$f; magick identify -format '%m %wx%h\n' g.$f; done; magick g.png -resize 50% -rotate 30 -charcoal 2 rgb:- | md5sum; magick g.png g.png -append txt:- | md5sum; magick compare -metric AE g.png g.bmp null: 2>&1 || true; echo; magick montage g.png g.gif -geometry +2+2 m.png; magick identify -format '%wx%h\n' m.png
