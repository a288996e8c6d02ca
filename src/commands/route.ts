import type { Command } from 'commander';
import type { TargetCheck } from '../router/check.ts';
import type { Explanation } from '../router/explain.ts';
import { EXIT } from './errors.ts';
import { openRouting, type RoutingOptions } from './route-config.ts';
import { runs } from './session.ts';

export function define(command: Command): void {
  command
    .summary('answer S3 clients from any store, by path')
    .description(
      'Answers S3 clients from any store, by path: S3, MinIO, GCS, Azure, lakeFS or a folder, as the mappings of the configuration say. --config takes sluice.yaml, a .properties file, spark-defaults.conf or core-site.xml.',
    )
    .option('--listen <address...>', 'address, with the scheme its clients mean: s3a=127.0.0.1:9090')
    .option('--workers <number>', 'processes that share the address')
    .option('--tls-cert <file>', 'certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--domain <name...>', "the gateway's own name, for virtual-host style")
    .option('--bucket-scheme <bucket=scheme...>', "a bucket whose scheme is not the listener's")
    .option('--metrics <address>', 'address of /health and /metrics')
    .option('--no-access-log', 'no line for each request')
    .addHelpText(
      'after',
      `
Examples:
  sluice route --config routes.properties --listen s3a=:9090 --listen gs=:9091
  sluice route --config sluice.yaml --workers 4 --metrics :9099
  sluice route explain s3a://bucket/raw/file --config core-site.xml
  sluice route check --config spark-defaults.conf`,
    )
    .action(
      runs<RoutingOptions>(async (session, _, options) => {
        const { serve } = await import('./route-serve.ts');
        return serve(session, options);
      }),
    );

  command
    .command('explain')
    .argument('<uri>', 'such as s3a://bucket/key')
    .summary('say which mapping takes a URI, and why')
    .description('Say which mapping takes a URI, and why.')
    .addHelpText('after', `\nExamples:\n  sluice route explain s3a://bucket/raw/file --config core-site.xml`)
    .action(
      runs<RoutingOptions>(async (session, [uri], options) => {
        const routing = await openRouting(session, options);
        try {
          const explanation = routing.router.explain(uri!);
          session.output.result(toJson(explanation), () => explained(explanation));
        } finally {
          await routing.close();
        }
      }),
    );

  command
    .command('check')
    .option('--write', 'also put a small object under every prefix, and remove it')
    .summary('ask every target, with its own credentials')
    .description('Ask every target of the configuration for one key, with its own credentials.')
    .addHelpText(
      'after',
      `\nExamples:\n  sluice route check --config spark-defaults.conf\n  sluice route check --config sluice.yaml --write`,
    )
    .action(
      runs<RoutingOptions & { write?: boolean }>(async (session, _, options) => {
        const routing = await openRouting(session, options);
        try {
          const checks = await routing.router.check({
            write: options.write === true,
            signal: session.signal,
          });
          for (const check of checks) session.output.result(toJson(check), () => checked(check));
          return checks.some(({ result }) => result === 'failed') ? EXIT.failed : EXIT.done;
        } finally {
          await routing.close();
        }
      }),
    );
}

const toJson = (value: object) => JSON.parse(JSON.stringify(value));

function explained({
  uri,
  tried,
  mapping,
  target,
  opened,
  connection,
  shadowed,
  ...rest
}: Explanation): string {
  const lines = [uri];
  for (const { mapping: other, why } of tried)
    lines.push(`  not mapping ${other.name} (${other.origin}): ${why}`);
  if (mapping)
    lines.push(`  mapping ${mapping.name} (${mapping.origin}): ${mapping.replace} → ${mapping.with}`);
  if (rest.default) lines.push(`  default (${rest.default.origin}): → ${rest.default.with}`);
  for (const other of shadowed)
    lines.push(`  mapping ${other.name} (${other.origin}) would take it too, and comes later`);
  lines.push(`  lies at ${target}${opened === target ? '' : `, opened as ${opened}`}`);
  lines.push(
    `  by ${connection === undefined ? "the environment's own credentials" : `connection ${connection}`}`,
  );
  return lines.join('\n');
}

function checked({ name, origin, target, result, message, took }: TargetCheck): string {
  return `${result.padEnd(7)} ${name} (${origin}) ${target}: ${message} (${Math.round(took)} ms)`;
}
