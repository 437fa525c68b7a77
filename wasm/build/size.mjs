// What the package costs on the way to a page: minified and compressed with gzip. Fails above the limits.
import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import * as esbuild from 'esbuild'

const limits = {
  'core.wasm': 5_000,
  'createStatusBus (one import)': 15_000,
  'createStatusBus (slim, without core.wasm)': 9_550,
  'connect (statusbus/connect)': 6_050,
  'useStatus (statusbus/react, without React)': 1_050,
  'core (statusbus/without-wasm)': 9_000,
  everything: 20_100,
}
const gzip = bytes => gzipSync(bytes, { level: 9 }).length
async function bundled(code) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: code, resolveDir: '.' }, bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, outdir: 'out',
    // what is only fetched where WebAssembly is forbidden
    external: ['./without-wasm.js', 'react'],
  })
  return gzip(outputFiles[0].contents)
}
const sizes = {
  'core.wasm': gzip(readFileSync('dist/core.wasm')),
  'createStatusBus (one import)': await bundled("export { createStatusBus } from './dist/index.js'"),
  'createStatusBus (slim, without core.wasm)': await bundled("export { createStatusBus, loadCore } from './dist/slim.js'"),
  'connect (statusbus/connect)': await bundled("export { connect } from './dist/connect.js'"),
  'useStatus (statusbus/react, without React)': await bundled("export { useStatus } from './dist/react.js'"),
  'core (statusbus/without-wasm)': await bundled("export { core } from './dist/without-wasm.js'"),
  'everything': await bundled("export * from './dist/index.js'"),
}
let failed = false
for (const [name, size] of Object.entries(sizes)) {
  const isOver = size > limits[name]
  failed ||= isOver
  console.log(`${name.padEnd(44)} ${String(size).padStart(6)} bytes of ${limits[name]}${isOver ? ': TOO LARGE' : ''}`)
}
process.exit(failed ? 1 : 0)
