;; Sends every request to the service `directory` as a callout of its own, and answers the client with what comes back: a line
;; for each header, an empty line, and the body. It gives up after 300 milliseconds.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $get_map (param i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 16)
  (data (i32.const 1024) "directory")
  (data (i32.const 1040) "content-length")

  ;; Which stream waits.
  (global $held (mut i32) (i32.const 0))
  ;; Its headers.
  (global $map (mut i32) (i32.const 0))
  (global $map_size (mut i32) (i32.const 0))
  ;; Memory is never given back.
  (global $top (mut i32) (i32.const 131072))
  ;; Where the next byte of the answer goes.
  (global $out (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (global.set $held (local.get $stream))
    ;; The length is for the host to state.
    (drop (call $remove (i32.const 0) (i32.const 1040) (i32.const 14)))
    (drop (call $get_map (i32.const 0) (i32.const 0) (i32.const 4)))
    (global.set $map (i32.load (i32.const 0)))
    (global.set $map_size (i32.load (i32.const 4)))
    (if (local.get $end) (then (call $call_out (i32.const 0) (i32.const 0))))
    (i32.const 1))

  (func (export "proxy_on_request_body") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (if (local.get $end) (then
      (drop (call $get_buffer (i32.const 0) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
      (call $call_out (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
    (i32.const 1))

  (func $call_out (param $body i32) (param $size i32)
    (drop (call $http_call
      (i32.const 1024) (i32.const 9)
      (global.get $map) (global.get $map_size)
      (local.get $body) (local.get $size)
      (i32.const 0) (i32.const 0)
      (i32.const 300) (i32.const 8))))

  (func (export "proxy_on_http_call_response")
    (param $root i32) (param $token i32) (param $headers i32) (param $body i32) (param $trailers i32)
    (local $map i32)
    ;; The answer is gathered far behind everything else.
    (global.set $out (i32.const 786432))
    (drop (call $get_map (i32.const 6) (i32.const 0) (i32.const 4)))
    (local.set $map (i32.load (i32.const 0)))
    (call $write_lines (local.get $map) (local.get $headers))
    (call $write_byte (i32.const 10))
    (drop (call $get_buffer (i32.const 4) (i32.const 0) (local.get $body) (i32.const 0) (i32.const 4)))
    (call $write (i32.load (i32.const 0)) (i32.load (i32.const 4)))
    (drop (call $effective (global.get $held)))
    (drop (call $respond
      (i32.const 200) (i32.const 0) (i32.const 0)
      (i32.const 786432) (i32.sub (global.get $out) (i32.const 786432))
      (i32.const 0) (i32.const 0) (i32.const -1))))

  ;; Writes `name: value` for each of the pairs of a serialized map, whose lengths come first.
  (func $write_lines (param $map i32) (param $count i32)
    (local $length i32) (local $text i32)
    (local.set $length (i32.add (local.get $map) (i32.const 4)))
    (local.set $text (i32.add (local.get $length) (i32.mul (local.get $count) (i32.const 8))))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (call $write (local.get $text) (i32.load (local.get $length)))
      (call $write_byte (i32.const 58))
      (call $write_byte (i32.const 32))
      (local.set $text (i32.add (i32.add (local.get $text) (i32.load (local.get $length))) (i32.const 1)))
      (local.set $length (i32.add (local.get $length) (i32.const 4)))
      (call $write (local.get $text) (i32.load (local.get $length)))
      (call $write_byte (i32.const 10))
      (local.set $text (i32.add (i32.add (local.get $text) (i32.load (local.get $length))) (i32.const 1)))
      (local.set $length (i32.add (local.get $length) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next))))

  (func $write (param $from i32) (param $size i32)
    (memory.copy (global.get $out) (local.get $from) (local.get $size))
    (global.set $out (i32.add (global.get $out) (local.get $size))))

  (func $write_byte (param $byte i32)
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1)))))
