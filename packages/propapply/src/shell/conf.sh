# file.contains-conf-*: keys and values, a setting a line, as Consfigurator edits them.
#
# A line is a setting when, after any run of "#" and blanks, it reads KEY SEPARATOR VALUE. The first line for a key,
# commented out or not, takes the value in its place; later ones are commented out; a key without a line is added
# at the end. All settings are written with the one separator.

# PATH FORM (SEPARATOR KEY VALUE…); FORM says how settings are read: blank, equals, unspaced.
contains_conf() {
  path=$1 mode= user= group=
  shift
  edit '
    function split_setting(text,    blanks) {
      if (form == "blank") {
        if (!match(text, /^[^ \t\f\r]+[ \t\f\r]+/)) return 0
        value = substr(text, RLENGTH + 1)
        match(text, /^[^ \t\f\r]+/)
        key = substr(text, 1, RLENGTH)
        if (value != "") return 1
        # Blanks alone: the last is the value, as far as there is one beside the separator.
        blanks = length(text) - RLENGTH
        if (blanks > 1) value = substr(text, length(text))
        return blanks > 1 || ((key in want) && want[key] == "")
      }
      if (form == "equals" && !match(text, /^[^ \t\f\r=]+[ \t\f\r]?=[ \t\f\r]?/)) return 0
      if (form == "unspaced" && !match(text, /^[^ \t\f\r=]+=/)) return 0
      value = substr(text, RLENGTH + 1)
      match(text, /^[^ \t\f\r=]+/)
      key = substr(text, 1, RLENGTH)
      return 1
    }
    END {
      form = arg[1]
      separator = arg[2]
      for (i = 3; i < args; i += 2) {
        order[++keys] = arg[i]
        want[arg[i]] = arg[i + 1]
      }
      for (i = 1; i <= n; i++) {
        text = line[i]
        comment = sub(/^#+[ \t\f\r]*/, "", text) ? "# " : ""
        if (!split_setting(text)) {
          out[++m] = line[i]
          continue
        }
        if (key in done) comment = "# "
        else if (key in want) {
          done[key] = 1
          value = want[key]
          comment = ""
        }
        out[++m] = comment key separator value
      }
      for (i = 1; i <= keys; i++)
        if (!(order[i] in done)) out[++m] = order[i] separator want[order[i]]
      emit()
    }
  ' "$@"
}
