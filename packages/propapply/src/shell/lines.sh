# file.contains-lines and file.lacks-lines: whole lines, compared byte by byte.

# PATH LINE…: adds at the end, in order, those that the file does not have.
contains_lines() {
  path=$1 mode= user= group=
  shift
  edit '
    END {
      for (i = 1; i <= n; i++) { has[line[i]] = 1; out[++m] = line[i] }
      for (i = 1; i <= args; i++) if (!(arg[i] in has)) out[++m] = arg[i]
      emit()
    }
  ' "$@"
}

# PATH LINE…
lacks_lines() {
  path=$1 mode= user= group=
  shift
  edit '
    END {
      for (i = 1; i <= args; i++) unwanted[arg[i]] = 1
      for (i = 1; i <= n; i++) if (!(line[i] in unwanted)) out[++m] = line[i]
      emit()
    }
  ' "$@"
}
