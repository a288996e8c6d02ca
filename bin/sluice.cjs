#!/usr/bin/env node
// Starts dist/main.cjs on a Node that has what it needs (node:sqlite without a flag: 22.13 and later).
// On an older Node the `node` npm package, an optional dependency, brings a current one.
const { isAbsolute, join } = require('node:path')
const [major, minor] = process.versions.node.split('.').map(Number)
const main = join(__dirname, '..', 'dist', 'main.cjs')
if (major > 22 || (major === 22 && minor >= 19)) {
  keepCompiled()
  require(main)
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
  const child = require('node:child_process').spawn(node, [__filename, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal)
    else process.exit(code)
  })
}

/**
 * Keeps what Node makes of the scripts in the user's cache folder, for the next start. Where nothing can be written
 * there, Node goes on without; $NODE_COMPILE_CACHE names another folder, $NODE_DISABLE_COMPILE_CACHE=1 ends it.
 */
function keepCompiled() {
  const { XDG_CACHE_HOME: cache = '' } = process.env
  try {
    const folder = isAbsolute(cache) ? cache : join(require('node:os').homedir(), '.cache')
    require('node:module').enableCompileCache(join(folder, 'sluice', 'node'))
  } catch {
    // A user without a home.
  }
}
