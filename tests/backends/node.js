// The operations as Express 4 and 5, Fastify, Koa and a server by hand route them. Each answer says in `x-served` what the operation costs that
// was served. Prints a line of JSON, the ports by name.
"use strict";
const http = require("node:http");
const { createRequire } = require("node:module");
const path = require("node:path");
const load = createRequire(path.join(process.argv[2], "package.json"));

/** What a list costs from the value that a framework makes of its parameter. */
function tier(value) {
  const values = [value].flat(9).flatMap((one) => (one && typeof one === "object" ? Object.values(one) : [one]));
  return values.some((one) => parseInt(one, 10) > 2000) ? 100 : 3;
}

const PRICES = [
  ["/healthz", () => 0],
  ["/api/v1/tasks/count", () => 50],
  ["/api/v1/tasks/:id", () => 2],
  ["/api/v1/files/:id", () => 7],
  ["/api/v1/tickets", (query) => tier(query.from)],
  ["/api/v1/pages", (query) => tier(query.page_from)],
];

function express(name) {
  const app = load(name)();
  app.set("query parser", "extended");
  for (const [route, price] of PRICES) app.get(route, (request, response) => response.set("x-served", String(price(request.query))).end());
  app.use((request, response) => response.set("x-served", "0").status(404).end());
  app.use((error, request, response, next) => response.set("x-served", "0").status(400).end());
  return http.createServer(app);
}

function fastify(options) {
  const app = load("fastify")(options);
  for (const [route, price] of PRICES) app.get(route, (request, reply) => reply.header("x-served", String(price(request.query))).send(""));
  app.setNotFoundHandler((request, reply) => reply.header("x-served", "0").code(404).send(""));
  app.setErrorHandler((error, request, reply) => reply.header("x-served", "0").code(400).send(""));
  return app.ready().then(() => app.server);
}

function koa() {
  const Koa = load("koa");
  const Router = load("@koa/router");
  const [app, router] = [new Koa(), new Router()];
  app.use(async (context, next) => {
    context.set("x-served", "0");
    await next();
  });
  for (const [route, price] of PRICES) {
    router.get(route, (context) => {
      context.set("x-served", String(price(context.query)));
      context.body = "";
    });
  }
  app.silent = true;
  app.use(router.routes());
  return http.createServer(app.callback());
}

/** As many write it: the URL parsed, the path decoded (so often), then compared. */
function byHand(decodings) {
  return http.createServer((request, response) => {
    let served = 0;
    try {
      const url = new URL(request.url, "http://localhost");
      let pathname = url.pathname;
      for (let decoding = 0; decoding < decodings; decoding += 1) pathname = decodeURIComponent(pathname);
      pathname = path.posix.normalize(pathname.replace(/\\/g, "/")).replace(/\/$/, "").toLowerCase();
      for (const [route, price] of PRICES) {
        const pattern = new RegExp(`^${route.replace(/:id/, "[^/]+")}$`);
        if (pattern.test(pathname)) {
          served = price({ from: url.searchParams.getAll("from"), page_from: url.searchParams.getAll("page_from") });
          break;
        }
      }
    } catch {
      served = 0;
    }
    response.setHeader("x-served", String(served));
    response.end();
  });
}

async function main() {
  const servers = {
    express4: express("express4"),
    express5: express("express5"),
    fastify: await fastify({}),
    "fastify, lenient": await fastify({
      routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true },
    }),
    koa: koa(),
    "node, decoded": byHand(1),
    "node, decoded twice": byHand(2),
  };
  const ports = {};
  for (const [name, server] of Object.entries(servers)) {
    server.keepAliveTimeout = 60000;
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports[name] = server.address().port;
  }
  console.log(JSON.stringify(ports));
  process.stdin.on("end", () => process.exit(0)).resume();
}

main();
