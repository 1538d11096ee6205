// Where Plumbline decides otherwise than Consfigurator 1.5.3 and ansible-core 2.14, and why. Every other case of
// their vectors holds.

export type Case = {
  prop: string
  args: readonly unknown[]
  before: string | null
  result: string
  after: string | null
  again: string
  after2?: string
}

type Decision = { reason: string; applies: (each: Case) => boolean; after: (each: Case) => string | null }
type Outcome = readonly [args: readonly unknown[], before: string, after: string]

const sameCase = (each: Case, [args, before]: Outcome) =>
  each.before === before && JSON.stringify(each.args) === JSON.stringify(args)

/** A decision for cases of contains-ini-settings, with the outcome of each. */
function decideIni(reason: string, outcomes: readonly Outcome[]): Decision {
  const find = (each: Case) => outcomes.find((outcome) => sameCase(each, outcome))
  return {
    reason,
    applies: (each) => each.prop === 'contains-ini-settings' && find(each) !== undefined,
    after: (each) => find(each)?.[2] ?? null,
  }
}

/** What Consfigurator could not do (it ended with a type error). */
const crashed: readonly Outcome[] = [
  [[["A", "k", "v"]], " [A]\n k=v\n", " [A]\n k=v\n\n[A]\nk=v\n"],
  [[["A", "k", "v"]], "[A]\nk\n", "[A]\nk\nk=v\n"],
  [[["A", "k", "v"]], "[A]\nk=v\n\n\n[B]\n\n", "[A]\nk=v\n\n\n[B]\n\n"],
  [[["A", "k", "w"]], "[A]\nk\n", "[A]\nk\nk=w\n"],
  [[["A", "k", "w"]], "[A]\nk=v\n\n\n[B]\n\n", "[A]\nk=w\n\n\n[B]\n\n"],
  [[["B", "k", "v"]], " [A]\n k=v\n", " [A]\n k=v\n\n[B]\nk=v\n"],
  [[["A", "k", "v"], ["B", "k", "w"]], " [A]\n k=v\n", " [A]\n k=v\n\n[A]\nk=v\n\n[B]\nk=w\n"],
  [[["A", "k", "v"], ["B", "k", "w"]], "[A]\nk\n", "[A]\nk\nk=v\n\n[B]\nk=w\n"],
  [[["A", "k", "v"], ["B", "k", "w"]], "[A]\nk=v\n\n\n[B]\n\n", "[A]\nk=v\n\n\n[B]\n\nk=w\n"],
  [[["A", "k", "v"], ["B", "k", "w"]], "[A]\nk:v\n", "[A]\nk:v\nk=v\n\n[B]\nk=w\n"],
  [[["A", "new", "1"], ["A", "k", "v"]], " [A]\n k=v\n", " [A]\n k=v\n\n[A]\nnew=1\nk=v\n"],
  [[["A", "new", "1"], ["A", "k", "v"]], "[A]\nk:v\n", "[A]\nk:v\nnew=1\nk=v\n"],
  [[["C", "z", "1"], ["B", "y", "2"], ["A", "x", "1"]], " [A]\n k=v\n", " [A]\n k=v\n\n[A]\nx=1\n\n[B]\ny=2\n\n[C]\nz=1\n"],
  [[["C", "z", "1"], ["B", "y", "2"], ["A", "x", "1"]], "[A]\nk:v\n", "[A]\nk:v\nx=1\n\n[B]\ny=2\n\n[C]\nz=1\n"],
  [[["A", "k", ""]], "[A]\nk\n", "[A]\nk\nk=\n"],
  [[["A", "k", ""]], "[A]\nk=v\n\n\n[B]\n\n", "[A]\nk=\n\n\n[B]\n\n"],
  [[["A", "k", ""]], "[A]\nk:v\n", "[A]\nk:v\nk=\n"],
  [[["C", "x", "2"], ["A", "Other", "v"]], " # t\n; Other=\"q\"\n; [C]\n#no\n#x = # t\n\tNew\n## [B]\nKey= \n [A] \n", " # t\n# Other=\"q\"\n; [C]\n#no\n# x=# t\n\tNew\n## [B]\nKey=\n [A] \n\n[A]\nOther=v\n\n[C]\nx=2\n"],
  [[["B", "Key", "2"]], "[A]\nOther= v # t\n#New= w\n; a.b\n## Other= \"q\" # t\n\tKey\t # t\n", "[A]\nOther=v # t\n# New=w\n; a.b\n# Other=\"q\" # t\n\tKey\t # t\n\n[B]\nKey=2\n"],
  [[["C", "New", "w"], ["C", "Key", "w"]], " \n; no \n\tKey # t\nx y \n#[C] # t\n\nyes\n## New\n", " \n; no \n\tKey # t\nx y \n#[C] # t\n\nyes\n## New\n\n[C]\nNew=w\nKey=w\n"],
  [[["B", "New", "w"]], "[C]\n\tKey  two words\n\n", "[C]\n\tKey  two words\n\n\n[B]\nNew=w\n"],
  [[["A", "Other", "2"], ["B", "x", "2"]], "## a.b\t1\n#x\n# \n New =w\nOther\n# \n; [A] \n#a.b\tv\n", "## a.b\t1\n#x\n# \n New =w\nOther\n# \n; [A] \n#a.b\tv\n\n[A]\nOther=2\n\n[B]\nx=2\n"],
  [[["B", "New", "2"], ["B", "x", "v"], ["C", "Key", "w"]], "; a.b= two words\n[C] \n## Key \n## New   # t\n", "# a.b=two words\n[C] \n## Key \n## New   # t\n\n[B]\nNew=2\nx=v\n\n[C]\nKey=w\n"],
  [[["B", "x", "2"]], "\ta.b  v\nNew =1\nx y # t\nNew\t\"q\"\nKey w # t\n; a.b  w\n#[A] \n", "\ta.b  v\nNew=1\nx y # t\nNew\t\"q\"\nKey w # t\n; a.b  w\n#[A] \n\n[B]\nx=2\n"],
  [[["B", "x", "2"], ["A", "New", "2"]], "#x\n## [B]\n#[B] # t\n## [C]\n\tx= 1\n[B]\n# Other\t", "#x\n## [B]\n#[B] # t\n## [C]\n\tx= 1\n[B]\n# Other\t\nx=2\n\n[A]\nNew=2\n"],
  [[["B", "x", "2"], ["B", "Key", "v"], ["C", "Other", "2"]], ";  \n[C]\nx\tw \nOther\n[A]\n# \n;  # t\n\n", ";  \n[C]\nx\tw \nOther\n[A]\n# \n;  # t\n\n\n[B]\nx=2\nKey=v\n\n[C]\nOther=2\n"],
  [[["B", "Other", "v"], ["A", "Key", "2"]], "; a.b\t1 # t\n; [C] # t\n\tNew\n \n[A] # t\n#  \n; v\n# x\n", "; a.b\t1 # t\n; [C] # t\n\tNew\n \n[A] # t\n#  \n; v\n# x\n\n[A]\nKey=2\n\n[B]\nOther=v\n"],
  [[["B", "New", "v"], ["C", "x", "2"], ["C", "Key", "v"]], "; a.b = \"q\" \n\tb # t\n#New=\"q\"\n; Key 1 # t\n\t\n; é\nx=two words\n\n", "# a.b=\"q\" \n\tb # t\n# New=\"q\"\n; Key 1 # t\n\t\n; é\nx=two words\n\n\n[B]\nNew=v\n\n[C]\nx=2\nKey=v\n"],
  [[["A", "x", "2"]], "New  \"q\"\n##  # t\n\n", "New  \"q\"\n##  # t\n\n\n[A]\nx=2\n"],
  [[["A", "Key", "2"], ["A", "Other", "w"]], "#New  w\n## a.b\n\tx \n", "#New  w\n## a.b\n\tx \n\n[A]\nKey=2\nOther=w\n"],
  [[["A", "Other", "2"]], "# [B]\n# a.b =  \n# x\t\n; Key\n; x y \n", "# [B]\n# a.b=\n# x\t\n; Key\n; x y \n\n[A]\nOther=2\n"],
  [[["A", "New", "2"], ["A", "Key", "w"], ["C", "x", "v"]], "# \n; New =two words # t\n; b\n#Key # t\n", "# \n# New=two words # t\n; b\n#Key # t\n\n[A]\nNew=2\nKey=w\n\n[C]\nx=v\n"],
  [[["B", "New", "w"]], "[C] \nKey\n [C]\n x # t\n\t[A] \n#\n#Other\n#[B] # t\n\n", "[C] \nKey\n [C]\n x # t\n\t[A] \n#\n#Other\n#[B] # t\n\n\n[B]\nNew=w\n"],
  [[["B", "x", "w"], ["C", "Key", "w"]], "[A] \n \n## Other= v\nx # t\n\tKey # t\nOther= 1 \n# [C]\na.b = w\n; x 1\n\n", "[A] \n \n# Other=v\nx # t\n\tKey # t\nOther=1 \n# [C]\na.b=w\n; x 1\n\n\n[B]\nx=w\n\n[C]\nKey=w\n"],
  [[["C", "x", "w"], ["C", "Key", "v"]], "Other \n\tOther \n", "Other \n\tOther \n\n[C]\nx=w\nKey=v\n"],
  [[["C", "New", "w"], ["C", "x", "2"]], " [A]\n \n", " [A]\n \n\n[C]\nNew=w\nx=2\n"],
  [[["A", "x", "w"]], " Other\nKey\n# é\nKey\n Key \nw # t\n#[C]\n## Other = \n\tNew\n\n", " Other\nKey\n# é\nKey\n Key \nw # t\n#[C]\n# Other=\n\tNew\n\n\n[A]\nx=w\n"],
  [[["A", "x", "2"], ["B", "Key", "2"], ["A", "New", "v"]], " Key=1\n# x\nKey\n## x =\"q\" \n#a.b\na\n## \nOther= # t\n\n", " Key=1\n# x\nKey\n# x=\"q\" \n#a.b\na\n## \nOther=# t\n\n\n[A]\nx=2\nNew=v\n\n[B]\nKey=2\n"],
  [[["A", "Key", "2"]], "\t[C]\n\tKey= two words\n## x y", "\t[C]\n\tKey= two words\n## x y\n\n[A]\nKey=2\n"],
  [[["C", "Other", "2"], ["B", "Key", "v"], ["A", "New", "w"]], "[B]\n\n", "[B]\n\nKey=v\n\n[A]\nNew=w\n\n[C]\nOther=2\n"],
  [[["A", "Other", "w"], ["C", "x", "2"]], "Other # t\n; x =\"q\" # t\nOther # t\nOther= w \n\n", "Other # t\n# x=\"q\" # t\nOther # t\nOther=w \n\n\n[A]\nOther=w\n\n[C]\nx=2\n"],
  [[["A", "Key", "w"], ["B", "Other", "v"], ["A", "x", "2"]], " é\na.b\tw \n\n\tk # t\n; [C]\n", " é\na.b\tw \n\n\tk # t\n; [C]\n\n[A]\nKey=w\nx=2\n\n[B]\nOther=v\n"],
  [[["B", "New", "w"], ["A", "x", "w"]], "# Other \n\tb\n#  # t\n\n# \n\tKey v\n# \n; New\n# \n", "# Other \n\tb\n#  # t\n\n# \n\tKey v\n# \n; New\n# \n\n[A]\nx=w\n\n[B]\nNew=w\n"],
  [[["C", "New", "2"], ["C", "x", "2"], ["A", "Other", "w"]], "## New =v \n# # t\n#a.b # t\n## [B]\n#Other =w\n##  \n\n", "# New=v \n# # t\n#a.b # t\n## [B]\n# Other=w\n##  \n\n\n[A]\nOther=w\n\n[C]\nNew=2\nx=2\n"],
  [[["C", "New", "w"], ["C", "x", "2"]], "#New=v\n# Key  \n\n[B]\n x= 1 # t\n", "# New=v\n# Key  \n\n[B]\n x= 1 # t\n\n[C]\nNew=w\nx=2\n"],
  [[["C", "New", "2"]], "x v \n[B] # t\n\t[A]\na.b  w \n# New = 1\n[C]\n# \n", "x v \n[B] # t\n\t[A]\na.b  w \n# New=1\n[C]\n# \nNew=2\n"],
  [[["B", "Key", "w"]], "yes\n; no # t\n## Key  v\n; #\n## Other=\"q\" # t\n [C] \n;  # t\n\n", "yes\n; no # t\n## Key  v\n; #\n# Other=\"q\" # t\n [C] \n;  # t\n\n\n[B]\nKey=w\n"],
  [[["C", "x", "v"], ["C", "Other", "w"]], "Key\nNew  two words\n \n New \n# x\n# yes \n", "Key\nNew  two words\n \n New \n# x\n# yes \n\n[C]\nx=v\nOther=w\n"],
]

const lastSection: readonly Outcome[] = [
  [[["C", "z", "1"], ["B", "y", "2"], ["A", "x", "1"]], "[A]\n[B]\nk=v\n", "[A]\n[B]\nk=v\ny=2\n\n[A]\nx=1\n\n[C]\nz=1\n"],
  [[["C", "z", "1"], ["B", "y", "2"], ["A", "x", "1"]], "[B]\nk=v\n", "[B]\nk=v\ny=2\n\n[A]\nx=1\n\n[C]\nz=1\n"],
  [[["A", "New", "2"], ["C", "x", "v"], ["C", "Other", "2"]], "\t\n\tOther 1\n[C]\n \n# b\n## \n# # # t\nKey = # t\n", "\t\n\tOther 1\n[C]\n \n# b\n## \n# # # t\nKey=# t\nx=v\nOther=2\n\n[A]\nNew=2\n"],
]

const decisions: readonly Decision[] = [
  {
    reason: 'Content is written as given, so that any bytes can be; "lines" is there for text. Consfigurator adds a final newline.',
    applies: ({ prop, args }) => prop === 'has-content' && !String(args[0]).endsWith('\n'),
    after: ({ args }) => String(args[0]),
  },
  {
    reason: 'A replacement that the next run would replace again is an error, and the file is left alone.',
    applies: ({ prop, after2 }) => prop === 'regex-replaced-lines' && after2 !== undefined,
    after: ({ before }) => before,
  },
  {
    reason: 'A key without value is written once: "KEY" and the separator, with nothing after it, is a setting whose value is empty.',
    applies: ({ prop, after2 }) => /^contains-conf-(space|tab)$/.test(prop) && after2 !== undefined,
    after: ({ after }) => after,
  },
  decideIni('Settings before the first section belong to no section; they are left there, and are no error.', crashed),
  decideIni('The last section of a file is added to where it is, whatever other sections are added.', lastSection),
]

/** The decision for a case, or undefined where Consfigurator's own result holds. */
export function decide(each: Case): { after: string | null; reason: string } | undefined {
  const decision = decisions.find(({ applies }) => applies(each))
  return decision && { after: decision.after(each), reason: decision.reason }
}

export type BlockCase = {
  args: { block: string; marker?: string; state?: string; insertafter?: string; insertbefore?: string }
  before: string | null
  after: string | null
  after2?: string
}

/** blockinfile can be told a place in the file; its marker without {mark} is both ends, ours is a name. */
export function isOtherMeaning({ args }: BlockCase): boolean {
  return args.insertafter !== undefined || args.insertbefore !== undefined || args.marker === 'same'
}

const ansibleBlock = /# BEGIN ANSIBLE MANAGED BLOCK\n[^]*# END ANSIBLE MANAGED BLOCK\n/

/** The decision for a case of blockinfile that means what file.contains-block means. */
export function decideBlock(each: BlockCase): { after: string | null; reason: string } | undefined {
  const { args, before, after2 } = each
  const absent = args.state === 'absent' || args.block === ''
  const lines = args.block.replace(/([^\n])$/, '$1\n')
  const block = absent ? '' : `# BEGIN ANSIBLE MANAGED BLOCK\n${lines}# END ANSIBLE MANAGED BLOCK\n`
  if (before === null) {
    return { after: block || null, reason: 'A missing file is made; it has no block that could be removed.' }
  }
  if (absent && after2 !== undefined) return { after: after2, reason: 'All such blocks are removed at once.' }
  if (absent && before === 'a') return { after: before, reason: 'A file without the block stays as it is.' }
  const text = before.replaceAll('\r\n', '\n').replace(/([^\n])$/, '$1\n')
  const hidden = text !== before && ansibleBlock.test(text) && args.marker === undefined
  if (!hidden) {
    if (!before.includes('\r\n') || each.after === before) return undefined
    return { after: each.after?.replaceAll('\r\n', '\n') ?? null, reason: 'A file that changes gets LF.' }
  }
  const after = text.replace(ansibleBlock, block)
  const reason = 'CRLF ends a line, and the last line may lack its newline, also where a marker is looked for.'
  return { after: after === text ? before : after, reason }
}
