# file.contains-block: lines between two marker lines of their own.

# PATH BEGIN END LINE…: the block is where it was, else at the end of the file.
contains_block() {
  edit_block present "$@"
}

# PATH BEGIN END: there is no such block.
lacks_block() {
  edit_block absent "$@"
}

# A block is the last BEGIN that an END follows, up to the first such END. Markers the wrong way round mark nothing:
# they go, and what is between them stays.
edit_block() {
  wanted=$1 path=$2 mode= user= group=
  shift 2
  edit '
    function find_block(    i) {
      first = last = stray = 0
      for (i = 1; i <= n; i++) {
        if (line[i] == arg[2]) opened = i
        if (line[i] == arg[3] && opened) { first = opened; last = i; opened = 0 }
        if (line[i] == arg[3] && !first) stray = i
      }
      if (!first && stray && opened > stray) { first = stray; last = opened; swapped = 1 }
      opened = 0
      return first
    }
    function put_block(    i) {
      out[++m] = arg[2]
      for (i = 4; i <= args; i++) out[++m] = arg[i]
      out[++m] = arg[3]
    }
    END {
      found = find_block()
      for (i = 1; i <= n; i++) {
        if (i == first && arg[1] == "present") put_block()
        if (found && i >= first && i <= last && !(swapped && i > first && i < last)) continue
        out[++m] = line[i]
      }
      if (!found && arg[1] == "present") put_block()
      emit()
    }
  ' "$wanted" "$@"
}
