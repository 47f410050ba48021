;; Says of every request, in the header `x-seen`, which VM and which contexts serve it: how many configurations that VM has had, the
;; number of the root context, that of the stream, and the name of the plugin. So one sees which filters share what. It traps at
;; requests with the header `crash` whose value is the first letter of the plugin's name.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))

  (memory (export "memory") 2)
  (data (i32.const 1024) "x-seen")
  (data (i32.const 1040) "plugin_name")
  (data (i32.const 1060) "configured")
  (data (i32.const 1080) "crash")
  (global $configured (mut i32) (i32.const 0))
  (global $top (mut i32) (i32.const 65536))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $define (i32.const 0) (i32.const 1060) (i32.const 10) (i32.const 16)))
    (drop (call $increment (i32.load (i32.const 16)) (i64.const 1)))
    (global.set $configured (i32.add (global.get $configured) (i32.const 1)))
    (i32.const 1))

  ;; Each context keeps its parent.
  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
    (i32.store (i32.add (i32.const 8192) (i32.mul (local.get $context) (i32.const 4))) (local.get $parent)))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (i32.store8 (i32.const 64) (i32.add (i32.const 48) (global.get $configured)))
    (i32.store8 (i32.const 65) (i32.add (i32.const 48)
      (i32.load (i32.add (i32.const 8192) (i32.mul (local.get $stream) (i32.const 4))))))
    (i32.store8 (i32.const 66) (i32.add (i32.const 48) (local.get $stream)))
    (i32.store8 (i32.const 67) (i32.const 32))
    (drop (call $get_property (i32.const 1040) (i32.const 11) (i32.const 0) (i32.const 4)))
    (memory.copy (i32.const 68) (i32.load (i32.const 0)) (i32.load (i32.const 4)))
    (drop (call $add (i32.const 0) (i32.const 1024) (i32.const 6) (i32.const 64) (i32.add (i32.const 4) (i32.load (i32.const 4)))))
    (if (i32.eqz (call $get (i32.const 0) (i32.const 1080) (i32.const 5) (i32.const 8) (i32.const 12))) (then
      (if (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.load8_u (i32.load (i32.const 8)))) (then unreachable))))
    i32.const 0)
)
