// Builds the package into dist/: the core for WebAssembly and as JavaScript, then the rest.
//
//   npm run build
//
// Needs cargo; the compilation target is prepared by ../scripts/targets.sh.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { printable } from './printable.mjs'

const here = fileURLToPath(new URL('..', import.meta.url))
process.chdir(here)
const run = (program, ...args) => {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
  } catch (error) {
    console.error(`${program} ${args[0] ?? ''} failed:\n${String(error.stderr ?? error).slice(0, 8_000)}${String(error.stdout ?? '').slice(0, 8_000)}`)
    process.exit(1)
  }
}
const bin = name => `node_modules/.bin/${name}`
const target = process.env.CARGO_TARGET_DIR ?? '../target'
const features = ['--enable-bulk-memory', '--enable-bulk-memory-opt', '--enable-sign-ext', '--enable-nontrapping-float-to-int', '--enable-mutable-globals']

rmSync('dist', { recursive: true, force: true })
rmSync('js/generated', { recursive: true, force: true })
mkdirSync('dist')
mkdirSync('js/generated')

run('../scripts/with-target.sh', 'wasm32-unknown-unknown',
  'cargo', 'build', '--locked', '-p', 'statusbus-wasm', '--profile', 'wasm', '--target', 'wasm32-unknown-unknown')
const compiled = `${target}/wasm32-unknown-unknown/wasm/statusbus_wasm.wasm`
// What only a linker needs to know is left out.
run(bin('wasm-opt'), compiled, '-o', 'js/core.wasm', '-Oz', '--converge', '--zero-filled-memory', '--low-memory-unused',
  '--strip-debug', '--strip-producers', '--strip-target-features', ...features)
// As JavaScript: what it knows no translation for is spelled out first.
run(bin('wasm-opt'), 'js/core.wasm', '-o', 'js/generated/lowered.wasm', '-Oz',
  '--llvm-nontrapping-fptoint-lowering', '--llvm-memory-copy-fill-lowering', '--signext-lowering', ...features)
run(bin('wasm2js'), 'js/generated/lowered.wasm', '-o', 'js/generated/translated.js', '-Oz', '--enable-mutable-globals')
rmSync('js/generated/lowered.wasm')
// Engines ignore alignment hints, and without them the bytes repeat more. The translation above needs them.
run(bin('wasm-opt'), 'js/core.wasm', '-o', 'js/core.wasm', '--dealign', ...features)
const { text, first } = printable(readFileSync('js/core.wasm'))
writeFileSync('js/generated/wasm.ts', `// core.wasm, for \`bytesOf\`\nexport default [${JSON.stringify(text)}, ${first}] as const\n`)

run(bin('tsc'))
cpSync('js/core.wasm', 'dist/core.wasm')
const bundle = { bundle: true, platform: 'neutral', target: 'es2022', logLevel: 'warning' }
await esbuild.build({ entryPoints: ['js/generated/translated.js'], outfile: 'dist/generated/translated.js', format: 'esm', minify: true, logLevel: 'warning' })
await esbuild.build({ ...bundle, entryPoints: ['dist/index.js'], outfile: 'dist/index.cjs', format: 'cjs' })

// For `require` in TypeScript: the same types in one file, since a CommonJS file cannot refer to the others.
const types = ['types', 'core', 'beacon', 'share', 'connect/error', 'connect'].map(name => readFileSync(`dist/${name}.d.ts`, 'utf8')).join('\n')
const functions = readFileSync('dist/index.d.ts', 'utf8').replace(/^(import|export \*|export \{).*$/gm, '')
writeFileSync('dist/index.d.cts', types.replace(/^.*\bcoreOf\b.*$/m, '').replace(/^(import .*|export \{.*)$/gm, '') + functions)
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(`../${name}`, name)
