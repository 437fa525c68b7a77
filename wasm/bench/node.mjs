// node bench/node.mjs [rounds]
import { measure, table } from './measure.mjs'

const pause = () => new Promise(resolve => setImmediate(resolve))
console.log(`Node ${process.version}`)
console.log(table(await measure(Number(process.argv[2] ?? 11), pause)))
