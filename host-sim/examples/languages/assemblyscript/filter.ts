// A filter in AssemblyScript: denies requests with the header x-deny, and says in every answer what it is written in.

const requestHeaders: u32 = 0;
const responseHeaders: u32 = 2;

@external("env", "proxy_get_header_map_value")
declare function getHeader(map: u32, name: usize, length: usize, value: usize, valueLength: usize): u32;
@external("env", "proxy_add_header_map_value")
declare function addHeader(map: u32, name: usize, length: usize, value: usize, valueLength: usize): u32;
@external("env", "proxy_send_local_response")
declare function answer(status: u32, details: usize, detailsLength: usize, body: usize, bodyLength: usize, headers: usize, headersLength: usize, grpcStatus: i32): u32;

// Memory that the host gets, and where it writes addresses and lengths.
const given = memory.data(65536);
const found = memory.data(8);

export function malloc(size: usize): usize {
  return size <= 65536 ? given : 0;
}

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_request_headers(context: u32, headers: u32, last: u32): u32 {
  const name = String.UTF8.encode("x-deny");
  if (getHeader(requestHeaders, changetype<usize>(name), name.byteLength, found, found + 4) != 0) return 0;
  const details = String.UTF8.encode("denied by AssemblyScript");
  const body = String.UTF8.encode("denied\n");
  answer(403, changetype<usize>(details), details.byteLength, changetype<usize>(body), body.byteLength, 0, 0, -1);
  return 1;
}

export function proxy_on_response_headers(context: u32, headers: u32, last: u32): u32 {
  const name = String.UTF8.encode("x-language");
  const value = String.UTF8.encode("assemblyscript");
  addHeader(responseHeaders, changetype<usize>(name), name.byteLength, changetype<usize>(value), value.byteLength);
  return 0;
}

// Stands in for that of the language, which would import a function that Envoy does not have: use it with `--use abort=filter/failed`.
export function failed(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}
