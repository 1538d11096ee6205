# file.uploaded, and content too large to travel in the program: the bytes are asked for when they are needed.

# PATH LENGTH SHA256 CKSUM PERMS MODE USER GROUP PARENTS
uploaded() {
  path=$1 length=$2 sha256=$3 crc=$4 perms=$5 mode=$6 user=$7 group=$8 parents=$9 known=
  need_regular || return
  if [ -f "$path" ]; then
    facts "$path" || return 1
    known=yes
    if [ "$bytes" = "$length" ] && holds_bytes "$path"; then adjust_access; return; fi
  else
    need_parent || return
  fi
  if [ "$check" ]; then would_change; return; fi
  open_temporary || return
  printf '%s want %s\n' "$token" "$step"
  # What does not fit is read all the same: other content may follow it.
  receive | { cat >&3 || { cat >/dev/null; false; }; } || { abandon; return; }
  # Whoever sends may have gone in the middle.
  if ! holds_bytes "$pin"; then
    discard
    fail "the content for \"$path\" did not arrive whole"
    return
  fi
  put_in_place
}

# FILE holds LENGTH bytes with the checksum told: SHA-256, or the CRC that POSIX asks every system to have.
holds_bytes() {
  if command -v sha256sum >/dev/null; then
    set -- $(sha256sum <"$1")
    [ "$1" = "$sha256" ]
  else
    set -- $(cksum <"$1")
    [ "$1 $2" = "$crc $length" ]
  fi
}

# Copies exactly $length bytes of standard input, and takes none of what follows. head(1) may read ahead.
receive() {
  block=65536
  if dd bs=1 count=0 iflag=fullblock </dev/null 2>/dev/null; then
    if [ "$length" -ge $block ]; then
      dd bs=$block count=$((length / block)) iflag=fullblock 2>/dev/null
    fi
    if [ $((length % block)) != 0 ]; then
      dd bs=$((length % block)) count=1 iflag=fullblock 2>/dev/null
    fi
  elif [ "$length" != 0 ]; then
    dd bs=1 count="$length" 2>/dev/null
  fi
}
