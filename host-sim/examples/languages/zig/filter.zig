//! A filter in Zig: denies requests with the header x-deny, and says in every answer what it is written in.

const request_headers = 0;
const response_headers = 2;

extern "env" fn proxy_get_header_map_value(of: u32, name: [*]const u8, length: usize, value: *[*]u8, value_length: *usize) u32;
extern "env" fn proxy_add_header_map_value(of: u32, name: [*]const u8, length: usize, value: [*]const u8, value_length: usize) u32;
extern "env" fn proxy_send_local_response(status: u32, details: [*]const u8, details_length: usize, body: [*]const u8, body_length: usize, headers: ?[*]const u8, headers_length: usize, grpc_status: i32) u32;

/// What the host was given memory for; it is read before the host gives anything else.
var given: [64 * 1024]u8 = undefined;

export fn malloc(size: usize) ?[*]u8 {
    return if (size <= given.len) &given else null;
}

export fn proxy_abi_version_0_2_1() void {}

export fn proxy_on_request_headers(_: u32, _: u32, _: u32) u32 {
    var value: [*]u8 = undefined;
    var length: usize = 0;
    const name = "x-deny";
    if (proxy_get_header_map_value(request_headers, name, name.len, &value, &length) != 0) return 0;
    const details = "denied by Zig";
    const body = "denied\n";
    _ = proxy_send_local_response(403, details, details.len, body, body.len, null, 0, -1);
    return 1;
}

export fn proxy_on_response_headers(_: u32, _: u32, _: u32) u32 {
    const name = "x-language";
    const value = "zig";
    _ = proxy_add_header_map_value(response_headers, name, name.len, value, value.len);
    return 0;
}
