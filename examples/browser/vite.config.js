import { defineConfig } from 'vite'

export default defineConfig({
  // the package from npm instead of the one beside this example
  resolve: { alias: [{ find: /^\.\/statusbus\.js$/, replacement: 'statusbus' }] },
  worker: { format: 'es' },
})
