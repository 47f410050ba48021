// Makes calls with a client library of npm, which repeats them as its documentation says, and prints what its user gets at last.
//
//     repeat.mjs LIBRARY
//
// Prints `ready`, reads one line of JSON, {case: {"url": …, "headers": {…}}}, makes the calls of all cases at once, and prints a line of
// JSON for each that is over: {"case": …, "status": …}.

import { createInterface } from "node:readline";

const TRIES = 5;
/** How long a call may take, with all that is repeated, for those who ask how long. */
const PATIENCE_MS = 60_000;

const libraries = {
  /** Repeats at once unless it is given a delay. Its user's patience is that of axios. */
  "axios-retry": async () => {
    const { default: axios } = await import("axios");
    const { default: axiosRetry, exponentialDelay } = await import("axios-retry");
    const client = axios.create({ timeout: PATIENCE_MS });
    axiosRetry(client, { retries: TRIES, retryDelay: exponentialDelay });
    return async (url, headers) =>
      client.get(url, { headers }).then(
        (response) => response.status,
        (error) => error.response.status,
      );
  },
  got: async () => {
    const { default: got } = await import("got");
    return async (url, headers) => {
      const options = { headers, retry: { limit: TRIES }, timeout: { request: PATIENCE_MS }, throwHttpErrors: false };
      return (await got(url, options)).statusCode;
    };
  },
  ky: async () => {
    const { default: ky } = await import("ky");
    return async (url, headers) =>
      ky(url, { headers, retry: { limit: TRIES }, timeout: false }).then(
        (response) => response.status,
        (error) => error.response.status,
      );
  },
  undici: async () => {
    const { Agent, RetryAgent, request } = await import("undici");
    const dispatcher = new RetryAgent(new Agent(), { maxRetries: TRIES });
    return async (url, headers) => {
      try {
        const response = await request(url, { headers, dispatcher });
        await response.body.dump();
        return response.statusCode;
      } catch (error) {
        return error.statusCode;
      }
    };
  },
};

const call = await libraries[process.argv[2]]();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const cases = Object.entries(JSON.parse(line));
  await Promise.all(
    cases.map(async ([name, { url, headers }]) => {
      const status = await call(url, headers);
      console.log(JSON.stringify({ case: name, status }));
    }),
  );
  break;
}
