# A job for the demonstration: counts the words of the licences that ship with Debian, many times over, telling how far
# it is. Runs on a node with sh and awk; what it prints last is the job's result.
set -eu
copies=${COPIES:-250}
folder=/usr/share/common-licenses
lines=$(cat "$folder"/* | wc -l)
{
  copy=0
  while [ "$copy" -lt "$copies" ]; do
    cat "$folder"/*
    copy=$((copy + 1))
  done
} | awk -v lines="$((lines * copies))" -v copies="$copies" '
function tell_progress() {
  printf "TROUPE {\"progress\":%.2f,\"message\":\"%d words so far\"}\n", NR / lines, words
  fflush()
}
{
  bytes += length($0) + 1
  $0 = tolower($0)
  gsub(/[^a-z]+/, " ")
  for (i = 1; i <= NF; ++i) ++seen[$i]
  words += NF
}
NR % step == 0 { tell_progress() }
BEGIN { step = int(lines / 16) }
END {
  for (word in seen) {
    ++different
    if (length(word) > length(longest) || (length(word) == length(longest) && word < longest)) longest = word
  }
  printf "%d words in %.0f MB of text (%d copies), %d different, the longest \"%s\"\n", words, bytes / 1e6, copies,
    different, longest
  print "the most frequent:"
  for (place = 1; place <= 8; ++place) {
    best = ""
    for (word in seen)
      if (best == "" || seen[word] > seen[best] || (seen[word] == seen[best] && word < best)) best = word
    printf "  %8d  %s\n", seen[best], best
    delete seen[best]
  }
}'
