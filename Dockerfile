# syntax=docker/dockerfile:1
# The newest LTS. glibc, because pg and the snapshots' checks are tested on it.
ARG NODE_VERSION=26

FROM node:${NODE_VERSION}-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts ./scripts
# No scripts: there is no source to build yet. The compiler's own binary is an optional package, so these are left out only afterwards.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:${NODE_VERSION}-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY migrations ./migrations
RUN ln -s /app/dist/cli.js /usr/local/bin/jongleur && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# Ready, not only alive: false while the demo's first model is trained.
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
