#!/usr/bin/env node
// Starts dist/main.js on a Node that has what it needs (node:sqlite without a flag: 22.13 and later).
// On an older Node the `node` npm package, an optional dependency, brings a current one.
const { join } = require('node:path')
const [major, minor] = process.versions.node.split('.').map(Number)
const main = join(__dirname, '..', 'dist', 'main.js')
if (major > 22 || (major === 22 && minor >= 19)) {
  import(require('node:url').pathToFileURL(main).href)
} else {
  let node
  try {
    node = join(require.resolve('node/package.json'), '..', 'bin', 'node')
    require('node:fs').accessSync(node)
  } catch {
    process.stderr.write(
      `sluice: this is Node ${process.versions.node}; Sluice needs Node 22.19 or later, and the optional ` +
        'dependency "node" that brings one is not installed. Install a newer Node, or run npm install ' +
        'without --omit=optional.\n',
    )
    process.exit(2)
  }
  const child = require('node:child_process').spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal)
    else process.exit(code)
  })
}
