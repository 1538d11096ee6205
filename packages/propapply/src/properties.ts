// The catalogue of properties. Adding one is one file and one line here.
import type { Property } from './property.ts'
import { single } from './properties/cmd.ts'
import { containsBlock } from './properties/file/block.ts'
import { confProperties } from './properties/file/conf.ts'
import { existsWithContent, hasContent } from './properties/file/content.ts'
import { containsIniSettings } from './properties/file/ini.ts'
import { containsLines, lacksLines } from './properties/file/lines.ts'
import { lacksLinesMatching, regexReplacedLines } from './properties/file/matching.ts'
import * as tree from './properties/file/tree.ts'
import { uploaded } from './properties/file/uploaded.ts'

const all: Property[] = [
  hasContent,
  existsWithContent,
  containsLines,
  lacksLines,
  lacksLinesMatching,
  regexReplacedLines,
  containsBlock,
  ...confProperties,
  containsIniSettings,
  tree.hasMode,
  tree.hasOwnership,
  tree.directoryExists,
  tree.symlinked,
  tree.doesNotExist,
  tree.directoryDoesNotExist,
  tree.isCopyOf,
  uploaded,
  single,
]

export const properties: ReadonlyMap<string, Property> = new Map(all.map((each) => [each.name, each]))
