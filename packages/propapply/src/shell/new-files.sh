# New files, made together (together.sh): those of each directory in a new one beside them, which nobody else can enter and
# which hands on the same group and access list. From there each gets to its place by a rename of its own, one process
# for all of a directory.

# What is new, and all that it is to be once it is made, needs but the move.
is_quick() {
  if [ -L "$path" ] || [ "$user$group" ] || ! is_plain "$path"; then return 1; fi
  direct=
  if [ "$mode" ]; then
    find_mask
    if [ -z "$direct" ]; then return 1; fi
  fi
  eval "path_$step=\$path new_$step=\$new mask_$step=\${direct:-022}"
}

# stages: words DIRECTORY=I, of whose files the numbers are in numbers_I.
make_files() {
  stages=' ' staged= count=0
  for number in $making; do
    eval "stage=\${path_$number%/*}/.propapply-$name"
    case $stages in
      *" $stage="*) index=${stages#*" $stage="} index=${index%% *} ;;
      *)
        index=$((count += 1)) stages="$stages$stage=$count " staged="$staged $stage"
        eval "numbers_$index="
        ;;
    esac
    eval "numbers_$index=\"\$numbers_$index $number\""
  done
  umask 077
  # Two names of one directory would share what is beside it.
  if mkdir -- $staged 2>/dev/null; then fill_stages; fi
  umask 022
  rm -rf -- $staged
  staged=
}

fill_stages() {
  for stage in $stages; do
    index=${stage##*=} stage=${stage%=*}
    eval "numbers=\$numbers_$index"
    for number in $(fill_stage 2>/dev/null); do eval "made_$number=yes"; done
  done
}

# Says the numbers of the files that have got to their place. Whoever may write in the directory can have put a link in
# the place of the stage: what has been entered is ours, and has that name.
fill_stage() {
  cd -P -- "$stage" || return
  case $PWD in */.propapply-$name) ;; *) return ;; esac
  [ -O . ] || return
  files=
  for number in $numbers; do
    eval "file=./\${path_$number##*/} text=\$new_$number"
    eval "umask \$mask_$number"
    if printf %s "$text" >"$file"; then files="$files $file"; else rm -f -- "$file"; fi
  done
  if [ "$files" ]; then mv -f -- $files "${stage%/*}/"; fi
  for number in $numbers; do
    eval "file=./\${path_$number##*/}"
    case "$files " in
      *" $file "*) if [ ! -e "$file" ]; then printf '%s ' "$number"; fi ;;
    esac
  done
}
