# file.has-content: the file at PATH holds just these bytes.

# PATH LENGTH PERMS MODE USER GROUP PARENTS CONTENT; LENGTH in bytes, CONTENT without NUL.
has_content() {
  case $held_paths in *" $1 "*) settle ;; esac
  path=$1 length=$2 perms=$3 mode=$4 user=$5 group=$6 parents=$7 new=$8 known=
  need_regular || return
  if [ -f "$path" ]; then
    facts "$path" || return 1
    known=yes
    if same_text; then adjust_access; return; fi
  else
    need_parent || return
    if [ "$together" ] && is_quick; then
      hold make_files ok
      return
    fi
  fi
  replace_text
}

# The same for content with NUL bytes, or that is not UTF-8, as a format of printf(1).
has_bytes() {
  path=$1 length=$2 perms=$3 mode=$4 user=$5 group=$6 parents=$7 new=$8 known=
  need_regular || return
  if [ -f "$path" ]; then
    facts "$path" || return 1
    known=yes
    if [ "$bytes" = "$length" ] && printf "$new" | cmp -s - "$path"; then adjust_access; return; fi
  else
    need_parent || return
  fi
  replace_bytes
}

# A shell drops NUL bytes, but then the text is shorter than the file, whose size has been compared before.
same_text() {
  if [ "$bytes" != "$length" ]; then return 1; fi
  read_text
  [ "$text" = "$new" ]
}
