# file.contains-block: lines between two marker lines of their own.

# PATH BEGIN END LINE…: the block is where it was, else at the end of the file.
contains_block() {
  edit_block present "$@"
}

# PATH BEGIN END: there is no such block.
lacks_block() {
  edit_block absent "$@"
}

# A block is BEGIN, and the first END after it. Of several, the last is replaced; all are removed. Markers the wrong way
# round mark nothing: they go, and what is between them stays.
edit_block() {
  wanted=$1 path=$2 mode= user= group=
  shift 2
  edit '
    # The last block among the lines that are left; ends without a beginning, and the other way round, are strays.
    function find_block(    i, opened, ended) {
      first = strays = swapped = 0
      for (i = 1; i <= n; i++) {
        if (i in gone) continue
        if (line[i] == arg[2]) {
          if (opened) stray[++strays] = opened
          opened = i
          if (ended) swapped = 1
        } else if (line[i] == arg[3] && opened) {
          first = opened
          last = i
          opened = 0
        } else if (line[i] == arg[3]) {
          stray[++strays] = i
          ended = 1
        }
      }
      if (opened) stray[++strays] = opened
      return first
    }
    function remove(from, to,    i) {
      for (i = from; i <= to; i++) gone[i] = 1
      place = from
    }
    END {
      while (find_block()) {
        remove(first, last)
        if (arg[1] == "present") break
      }
      if (!first && swapped) for (i = strays; i > 0; i--) remove(stray[i], stray[i])
      if (!place) place = n + 1
      for (i = 1; i <= n + 1; i++) {
        if (i == place && arg[1] == "present") for (j = 2; j <= args; j++) if (j != 3) out[++m] = arg[j]
        if (i == place && arg[1] == "present") out[++m] = arg[3]
        if (i <= n && !(i in gone)) out[++m] = line[i]
      }
      emit()
    }
  ' "$wanted" "$@"
}
