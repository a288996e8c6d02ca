# The image runs `sluice`; called as the lakeFS export script is (`repository s3://bucket/path/ --branch=main`)
# it does what that script does.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY scripts/build-page.ts scripts/build-workflows.ts scripts/
COPY src src
RUN npm ci --omit=optional && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production SLUICE_STATE=/var/lib/sluice
RUN install -d -o node -g node /var/lib/sluice
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/bin bin
COPY package.json LICENSE ./
USER node
VOLUME /var/lib/sluice
ENTRYPOINT ["node", "/app/bin/sluice.cjs"]
CMD ["--help"]
