# file.contains-ini-settings: the same for files with [sections], where "#" and ";" comment out.
#
# A key that its section lacks is added where the settings of the section end, at the first line that is none. A
# section that the file lacks is added at the end, after a blank line, in the order of names. Settings before the
# first section belong to none.

# PATH (SECTION KEY VALUE)…
contains_ini_settings() {
  path=$1 mode= user= group=
  shift
  edit '
    # Puts what section SEC still lacks here.
    function add_missing(sec,    i) {
      for (i = 1; i <= wanted; i++)
        if (section[i] == sec && !(i in done)) {
          done[i] = 1
          out[++m] = key[i] "=" value[i]
        }
    }
    END {
      for (i = 1; i < args; i += 3) {
        section[++wanted] = arg[i]
        key[wanted] = arg[i + 1]
        value[wanted] = arg[i + 2]
        number[arg[i], arg[i + 1]] = wanted
      }
      for (i = 1; i <= n; i++) {
        text = line[i]
        comment = sub(/^[#;]+[ \t\f\r]*/, "", text) ? "# " : ""
        if (comment == "" && text ~ /^\[.+\]$/) {
          name = substr(text, 2, length(text) - 2)
          if (open && name != current) {
            add_missing(current)
            open = 0
          }
          current = name
          inside = 1
          out[++m] = line[i]
        } else if (match(text, /^[^= \t\f\r]+[ \t\f\r]*=[ \t\f\r]*/)) {
          v = substr(text, RLENGTH + 1)
          match(text, /^[^= \t\f\r]+/)
          k = substr(text, 1, RLENGTH)
          open = 1
          if ((current, k) in number) {
            w = number[current, k]
            if (w in done) comment = "# "
            else {
              done[w] = 1
              comment = ""
              v = value[w]
            }
          }
          out[++m] = comment k "=" v
        } else {
          if (open) add_missing(current)
          open = 0
          out[++m] = line[i]
        }
      }
      if (inside) add_missing(current)
      for (;;) {
        best = 0
        for (i = 1; i <= wanted; i++)
          if (!(i in done) && (!best || section[i] < section[best])) best = i
        if (!best) break
        if (m) out[++m] = ""
        out[++m] = "[" section[best] "]"
        add_missing(section[best])
      }
      emit()
    }
  ' "$@"
}
