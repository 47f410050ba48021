// Calls over HTTP/2 and leaves in every way that Node has.
//
//     leave.mjs
//
// Prints `ready` and reads lines of JSON, and answers each with one: {"begin": {"how": …, "port": …, "path": …, "headers": {…}}} sends a
// request on a session of its own, and {"leave": true} ends it in that way; the session stays, unless that is the way.

import http2 from "node:http2";
import { createInterface } from "node:readline";

const ways = {
  close: ({ stream }) => stream.close(),
  cancel: ({ stream }) => stream.close(http2.constants.NGHTTP2_CANCEL),
  destroy: ({ stream }) => stream.destroy(),
  "destroy with an error": ({ stream }) => stream.destroy(new Error("given up")),
  "session.destroy": ({ session }) => session.destroy(),
  "session.close and stream.close": ({ session, stream }) => {
    session.close();
    stream.close();
  },
  abort: ({ controller }) => controller.abort(),
};

let call;
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  if (told.begin) {
    call?.session.destroy();
    const { how, port, path, headers } = told.begin;
    const controller = new AbortController();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request({ ":path": path, ...headers }, { signal: controller.signal });
    stream.on("error", () => {});
    stream.end();
    call = { session, stream, controller, leave: ways[how] };
  } else {
    call.leave(call);
  }
  console.log("{}");
}
