// Asks the gRPC service shop.Shop for a thing with Connect's client, in one of its three protocols, and prints what its user reads.
//
//     ask.mjs PROTOCOL ADDRESS DESCRIPTION      PROTOCOL: `grpc`, `grpc-web`, `connect`; DESCRIPTION: the file that describe.py writes
//
// Prints `ready`, reads one line of JSON, {case: {header: value}}, and prints a line of JSON for each case: {"case": …, "code": …,
// "message": …, "retry_after": …}.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

const [protocol, address, description] = process.argv.slice(2);
const transport = {
  grpc: (options) => createGrpcTransport(options),
  "grpc-web": (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  connect: (options) => createConnectTransport({ ...options, httpVersion: "1.1" }),
}[protocol]({ baseUrl: `http://${address}` });
const files = fromBinary(FileDescriptorSetSchema, readFileSync(description));
const shop = createClient(createFileRegistry(files).getService("shop.Shop"), transport);

async function ask(headers) {
  try {
    await shop.get({ id: "4" }, { headers });
    return { code: "Ok", message: "", retry_after: null };
  } catch (error) {
    const { code, rawMessage, metadata } = ConnectError.from(error);
    return { code: Code[code], message: rawMessage, retry_after: metadata.get("retry-after") };
  }
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  for (const [name, headers] of Object.entries(JSON.parse(line))) {
    console.log(JSON.stringify({ case: name, ...(await ask(headers)) }));
  }
  process.exit();
}
