// Holds manifests against the schemas of their kinds, as an API server does, and stricter: it also names fields that the schema does not have,
// which a server drops without a word. Reads nothing but its arguments, one file each; prints a line for each manifest, and one for each mistake.
//
//     node validate.mjs FILE…
//     node validate.mjs --json FILE     only prints the documents of a YAML file, as JSON
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

// The package of a group's models; a group without a dot is Kubernetes' own.
function place(apiVersion, kind) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  if (group.endsWith(".istio.io")) return `@kubernetes-models/istio/${group}/${version}/${kind}`;
  if (group === "gateway.envoyproxy.io") return `@kubernetes-models/envoy-gateway/${group}/${version}/${kind}`;
  return `kubernetes-models/${group ? `${group}/` : ""}${version}/${kind}`;
}

// The schemas are compiled: which fields they know shows in which ones they look at. An object of which they look at none is free in its form.
function watched(value, path, objects) {
  if (Array.isArray(value)) return value.map((item, index) => watched(item, `${path}/${index}`, objects));
  if (value === null || typeof value !== "object") return value;
  const seen = new Set();
  const inner = {};
  for (const [key, item] of Object.entries(value)) inner[key] = watched(item, `${path}/${key}`, objects);
  objects.push({ path, keys: Object.keys(value), seen });
  return new Proxy(inner, {
    get(target, key) {
      if (typeof key === "string") seen.add(key);
      return Reflect.get(target, key);
    },
    // A map of anything: its keys are gone through.
    ownKeys(target) {
      for (const key of Object.keys(target)) seen.add(key);
      return Reflect.ownKeys(target);
    },
  });
}

function unknown({ path, keys, seen }) {
  if (seen.size === 0) return [];
  return keys.filter((key) => !seen.has(key)).map((key) => `${path}/${key} is not in the schema`);
}

// Istio's TrafficExtension has the fields of a WasmPlugin, those of the module under `wasm` (istio.io/latest/docs/reference/config/proxy_extensions).
// It is younger than the schemas here.
function known(manifest) {
  if (manifest.kind !== "TrafficExtension") return manifest;
  const { selector, targetRefs, phase, priority, match, wasm, ...unknown } = manifest.spec;
  const spec = JSON.parse(JSON.stringify({ ...wasm, selector, targetRefs, phase, priority, match }));
  return { ...manifest, kind: "WasmPlugin", spec: Object.keys(unknown).length > 0 ? { unknown } : spec };
}

async function mistakes(manifest) {
  const { apiVersion, kind } = manifest;
  let Model;
  try {
    ({ [kind]: Model } = await import(place(apiVersion, kind)));
  } catch {
    return [`${apiVersion} ${kind} is no kind that is known here`];
  }
  const objects = [];
  const found = [];
  try {
    // Models copy what they are made of, so the check is called by itself.
    Model.prototype.validate.call(watched(manifest, "", objects));
  } catch (error) {
    found.push(error.message);
  }
  return [...found, ...objects.flatMap(unknown)];
}

function documents(file) {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors}`);
    return document.toJS();
  });
}

if (process.argv[2] === "--json") {
  console.log(JSON.stringify(documents(process.argv[3])));
  process.exit(0);
}

let wrong = false;
for (const file of process.argv.slice(2)) {
  for (const manifest of documents(file)) {
    console.log(`${file}: ${manifest.kind} ${manifest.metadata?.name}`);
    for (const mistake of await mistakes(known(manifest))) {
      console.log(`  ${mistake}`);
      wrong = true;
    }
  }
}
process.exit(wrong ? 1 : 0);
