/**
 * lakeFS' address of an object as Delta readers know it. The user's own prefixes come first (`local:///lake/` →
 * `file:///data/lake/`, `s3://` → `s3a://`); Azure's https addresses become abfss ones.
 * @param address not encoded
 */
export function readableAddress(address: string, prefixes: Record<string, string>): string {
  let best = '';
  for (const prefix of Object.keys(prefixes)) {
    if (prefix.length > best.length && address.startsWith(prefix)) best = prefix;
  }
  if (best !== '') return prefixes[best]! + address.slice(best.length);
  const azure = /^https:\/\/([^./]+)\.blob\.([^/]+)\/([^/]+)\/(.*)$/s.exec(address);
  if (azure) return `abfss://${azure[3]}@${azure[1]}.dfs.${azure[2]}/${azure[4]}`;
  return address;
}
