# file.lacks-lines-matching and file.regex-replaced-lines. sed(1) matches, since it is the one whose extended
# regular expressions are the same everywhere (an awk may lack intervals); awk compares, as in edit.sh.

# PATH SCRIPT: the script marks each line with "-" (matches) or "+".
lacks_lines_matching() {
  path=$1 script=$2 mode= user= group=
  edit_marked '
    END {
      complete()
      for (i = 1; i <= n; i++) {
        mark = substr(line[i], 1, 1)
        line[i] = substr(line[i], 2)
        if (mark == "+") out[++m] = line[i]
      }
      emit()
    }
  '
}

# PATH SCRIPT: the script prints, for each line, "-" and what it is, "+" and what it should be, "*" and what the
# next run would make of that.
regex_replaced_lines() {
  path=$1 script=$2 mode= user= group=
  edit_marked '
    END {
      complete()
      for (i = 1; i <= n; i += 3) {
        line[++m] = substr(line[i], 2)
        out[m] = substr(line[i + 1], 2)
        if (out[m] != substr(line[i + 2], 2)) again = 1
      }
      n = m
      if (again) printf "again"
      else emit()
    }
  '
}

edit_marked() {
  edit '
    function complete() {
      if (line[n] != "status 0") exit 1
      n--
      if (line[n] == "") n--
    }
  '"$1"
}
