/**
 * Lets a test file end although something is left open, as a server that a failed test did not come to close: some time
 * after its last test. (Node's --test-force-exit ends it at once, and loses what was not told yet.)
 */
const LEFT_MS = 60_000;

// The runner itself has no tests; in it, asking for them would make it one.
if (process.env.NODE_TEST_CONTEXT === 'child-v8') {
  const { after } = await import('node:test');
  after(() => {
    setTimeout(() => process.exit(), LEFT_MS).unref();
  });
}
