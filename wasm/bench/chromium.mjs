// node bench/chromium.mjs [rounds]
import * as esbuild from 'esbuild'
import { launch, site } from '../test/browser/site.mjs'
import { table } from './measure.mjs'

const { outputFiles: [bundle] } = await esbuild.build({ entryPoints: [new URL('measure.mjs', import.meta.url).pathname], bundle: true, write: false, format: 'esm', target: 'es2022' })
const served = await site({ '/': { body: '' }, '/measure.js': { body: '' } })
const browser = await launch()
const page = await browser.newPage()
await page.route('**/measure.js', route => route.fulfill({ contentType: 'text/javascript', body: bundle.text }))
await page.goto(served.url)
const rows = await page.evaluate(async rounds => {
  const { measure } = await import('/measure.js')
  const { port1, port2 } = new MessageChannel()
  const pause = () => new Promise(resolve => {
    port1.onmessage = resolve
    port2.postMessage(0)
  })
  return measure(rounds, pause)
}, Number(process.argv[2] ?? 11))
console.log(`Chromium ${browser.version()}`)
console.log(table(rows))
await browser.close()
await served.close()
