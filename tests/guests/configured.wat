;; Answers every request with its configuration, and holds a request for /held for good. A configuration that begins with `!` kills it:
;; after an error line if `!!`. It refuses one that begins with `?`, and says nothing.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))

  (memory (export "memory") 2)
  (data (i32.const 1024) ":path")
  (data (i32.const 1040) "two marks are too many")
  (data (i32.const 1072) "held")
  (global $config (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))
  (global $top (mut i32) (i32.const 65536))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $define (i32.const 1) (i32.const 1072) (i32.const 4) (i32.const 16)))
    (drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (global.set $config (i32.load (i32.const 0)))
    (global.set $size (local.get $size))
    (if (local.get $size) (then
      (if (i32.eq (i32.load8_u (global.get $config)) (i32.const 33)) (then
        (if (i32.eq (i32.load8_u offset=1 (global.get $config)) (i32.const 33)) (then
          (drop (call $log (i32.const 4) (i32.const 1040) (i32.const 22)))))
        unreachable))
      (if (i32.eq (i32.load8_u (global.get $config)) (i32.const 63)) (then
        (return (i32.const 0))))))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (drop (call $get (i32.const 0) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 4)))
    (if (i32.gt_u (i32.load (i32.const 4)) (i32.const 1)) (then
      (drop (call $increment (i32.load (i32.const 16)) (i64.const 1)))
      (return (i32.const 1))))
    (drop (call $respond (i32.const 200) (i32.const 0) (i32.const 0)
      (global.get $config) (global.get $size) (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.const 1))

  (func (export "proxy_on_log") (param $stream i32)
    (if (i32.eqz (call $get (i32.const 0) (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 4))) (then
      (if (i32.gt_u (i32.load (i32.const 4)) (i32.const 1)) (then
        (drop (call $increment (i32.load (i32.const 16)) (i64.const -1))))))))
)
