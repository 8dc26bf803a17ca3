#@ Packages: sox flac
#@ Needs: sox flac
#@ Does: a sweep through effects, lossless both ways
sox -R -n -r 44100 -b 16 a.wav synth 10 sine 100-8000; sox -R a.wav b.wav reverb echo 0.8 0.9 100 0.3 rate 22050; soxi -s b.wav; flac -s -8 a.wav -o a.flac; flac -s -d a.flac -o c.wav; cmp a.wav c.wav && echo equal; sox a.wav -n stat 2>&1 | grep -E 'Samples|RMS.*amp'
