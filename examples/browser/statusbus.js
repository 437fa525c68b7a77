// The package as it lies beside this example, so that nothing has to be built or installed but itself.
// With a bundler (see vite.config.js) this is `statusbus` from npm.
export * from '../../wasm/dist/index.js'
