# Steps of one kind in a row that make what was not there are held, and made together: a process for each would take
# longer than all the rest. They are told in their order, with those between them that had nothing to do; whatever
# else starts a process that changes something, or says something on standard error, settles first.
#
#   together   set where the program has such a row; step N of it is then a function step_N
#   held       their numbers, those to be made and those that had nothing to do
#   holds      how many are to be made: a hundred are few enough for a command line, and for who waits to hear of them
#   making     the numbers of those to be made, by the function $make, which sets made_N for each that it has made
#   redone     what step N comes to when it is then done by itself, and has nothing left to do

# MAKE REDONE: the step is held.
hold() {
  make=$1 redone=$2
  held="$held $step" making="$making$step " held_paths="$held_paths$path " holds=$((holds + 1))
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
  for number in $waiting; do
    outcome=ok
    case $making in *" $number "*) finish_step ;; esac
    marks=$marks$token$nl
    lines="$lines$token $outcome $number $nl"
  done
  printf %s "$marks" >&2
  printf %s "$lines" || exit 74
  making=' ' held_paths=' ' holds=0
}

# What has not been made is done by itself, and has words of its own.
finish_step() {
  outcome=changed
  eval "was_made=\$made_$number"
  if [ "$was_made" ]; then return; fi
  printf %s "$marks" >&2
  marks=
  (together= && "step_$number")
  name_result $? "$redone"
  outcome=$word
}
