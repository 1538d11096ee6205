# Steps of one kind in a row that make what was not there are held, and made together: a process for each would take
# longer than all the rest. They are told in their order, with those between them that had nothing to do; whatever
# else starts a process that changes something, or says something on standard error, settles first.
#
#   together   set where the program has such a row
#   holds      how many are held: a hundred are few enough for a command line, and for who waits to hear of them
#   held       N of a step that is to make something, N:ok of one that had nothing to do
#   made_N     set by the function $make, for what it has made; any other step N is done by itself, by $again

# MAKE AGAIN: the step is held.
hold() {
  make=$1 again=$2
  held="$held $step" held_paths="$held_paths$path " holds=$((holds + 1))
  return 12
}

# As a word and as a pattern the same: one word that is itself.
is_plain() {
  case $1 in */ | *[!A-Za-z0-9/._+,@%-]*) return 1 ;; esac
}

settle() {
  if [ -z "$held" ]; then return 0; fi
  waiting=$held held= marks= lines=
  $make
  held_paths=' ' holds=0
  for entry in $waiting; do
    number=${entry%:ok} outcome=ok
    if [ "$number" = "$entry" ]; then
      outcome=changed
      eval "was_made=\$made_$number"
      if [ -z "$was_made" ]; then
        printf %s "$marks" >&2
        marks=
        (together= && $again "$number")
        case $? in
          0) outcome=ok ;;
          10) ;;
          *) outcome=failed ;;
        esac
      fi
    fi
    marks=$marks$token$nl
    lines="$lines$token $outcome $number $nl"
  done
  printf %s "$marks" >&2
  printf %s "$lines" || exit 74
}
