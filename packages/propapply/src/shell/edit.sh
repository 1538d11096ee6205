# The editors of lines. One awk reads the file and says what it should be; nothing is written when that is what it
# is. Lines end in LF or CRLF; a file that changes gets LF, and a final newline.

# PROGRAM ARGUMENT…: PROGRAM sets out[1…m] from line[1…n] and arg[1…], and calls emit(). What awk prints ends in
# "+" when it differs, is "=" when it does not, and anything else when awk was cut short.
edit() {
  program=$1 known= parents=
  shift
  need_regular || return
  if [ -f "$path" ]; then input=$path; else input=/dev/null; fi
  new=$(edited "$@" <"$input")
  case $new in
    =) return 0 ;;
    *+) new=${new%+} ;;
    nul) fail "\"$path\" holds NUL bytes: it is no text"; return ;;
    again) fail "the replacement would be replaced again by the next run"; return ;;
    *) fail "\"$path\" could not be edited"; return ;;
  esac
  if [ -f "$path" ]; then
    hold_text || return
  else
    need_parent || return
  fi
  replace_text
}

# The lines reach awk as they are, or as the sed script of matching.sh marks them. Its status is the last line:
# half of a file must not pass for a file. What sed prints need not end in a newline.
edited() {
  if [ -z "$script" ]; then
    edited_lines "$@"
    return
  fi
  { sed -E "$script"; printf '\nstatus %s\n' $?; } | edited_lines "$@"
}

# An argument is data, which an assignment on the command line or an option would not be.
edited_lines() {
  awk -- '
    BEGIN {
      for (i = 1; i < ARGC; i++) arg[i] = ARGV[i] ""
      args = ARGC - 1
      ARGC = 1
      nul = sprintf("%c", 0)
    }
    {
      if (index($0, nul)) holds_nul = 1
      sub(/\r$/, "")
      line[++n] = $0 ""
    }
    function emit(    i, differs) {
      if (holds_nul) { printf "nul"; return }
      differs = m != n
      for (i = 1; i <= m && !differs; i++) differs = out[i] != line[i]
      if (!differs) { printf "="; return }
      for (i = 1; i <= m; i++) print out[i]
      printf "+"
    }
  '"$program" "$@"
}

# Not every awk passes NUL bytes on. No shell does, so text that is as long as its file has none.
hold_text() {
  facts "$path" || return 1
  known=yes
  read_text
  if [ ${#text} != "$bytes" ]; then fail "\"$path\" holds NUL bytes: it is no text"; fi
}
