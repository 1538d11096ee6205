// `npm run build`: every program, for the Node that runs this.
import { buildPrograms, installDependencies } from './prepare.mjs'

installDependencies()
buildPrograms()
