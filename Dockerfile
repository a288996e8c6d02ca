# The image runs `sluice`; called as the lakeFS export script is (`repository s3://bucket/path/ --branch=main`)
# it does what that script does.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY scripts/build-command.ts scripts/build-page.ts scripts/build-workflows.ts scripts/
COPY src src
# Optional packages are the compilers of this platform, too: the node among them goes with the rest afterwards.
RUN npm ci && npm prune --omit=dev --omit=optional --ignore-scripts

# Temporal's SDK is larger than all the rest: `--target temporal` builds the image that has it (sluice worker).
FROM node:24-bookworm-slim AS temporal-sdk
WORKDIR /sdk
RUN npm install --ignore-scripts @temporalio/activity@^1.24 @temporalio/client@^1.24 @temporalio/common@^1.24 \
    @temporalio/worker@^1.24 @temporalio/workflow@^1.24 @swc/core@1.16.0

FROM node:24-bookworm-slim AS base
ENV NODE_ENV=production SLUICE_STATE=/var/lib/sluice
RUN install -d -o node -g node /var/lib/sluice
WORKDIR /app
COPY package.json LICENSE ./
USER node
VOLUME /var/lib/sluice
# Of `sluice serve`; other commands are healthy while they run. SLUICE_HEALTH names another address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "-e", "const serves = require('fs').readFileSync('/proc/1/cmdline', 'utf8').split('\\0').includes('serve'); if (serves) fetch(process.env.SLUICE_HEALTH ?? 'http://127.0.0.1:7070/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/sluice.cjs"]
CMD ["--help"]

FROM base AS temporal
# Beside the application, not in it: Node looks there for what /app/node_modules lacks.
COPY --from=temporal-sdk /sdk/node_modules /node_modules
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/bin bin
# Keeps what Node makes of the script, which a container that ends would make at each start.
RUN node bin/sluice.cjs --version

FROM base
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/bin bin
# Keeps what Node makes of the script, which a container that ends would make at each start.
RUN node bin/sluice.cjs --version
