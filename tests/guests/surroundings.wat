;; Answers every request with what is around it: the VM's configuration, the environment, and the claim `plan` in the metadata
;; `auth`, each on a line of its own.
(module
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))

  (memory (export "memory") 4)
  (data (i32.const 1024) "metadata\00filter_metadata\00auth\00plan")
  ;; Where the next byte of the answer goes.
  (global $out (mut i32) (i32.const 65536))
  ;; Memory is never given back.
  (global $top (mut i32) (i32.const 131072))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  (func $write (param $from i32) (param $size i32)
    (memory.copy (global.get $out) (local.get $from) (local.get $size))
    (i32.store8 (i32.add (global.get $out) (local.get $size)) (i32.const 10))
    (global.set $out (i32.add (i32.add (global.get $out) (local.get $size)) (i32.const 1))))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (drop (call $get_buffer (i32.const 6) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
    (call $write (i32.load (i32.const 0)) (i32.load (i32.const 4)))
    (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 2048) (i32.const 4096)))
    ;; Every variable ends with a zero byte.
    (if (i32.load (i32.const 4)) (then
      (call $write (i32.const 4096) (i32.sub (i32.load (i32.const 4)) (i32.const 1)))))
    (i32.store (i32.const 4) (i32.const 0))
    (drop (call $get_property (i32.const 1024) (i32.const 34) (i32.const 0) (i32.const 4)))
    (call $write (i32.load (i32.const 0)) (i32.load (i32.const 4)))
    (drop (call $respond (i32.const 200) (i32.const 0) (i32.const 0)
      (i32.const 65536) (i32.sub (global.get $out) (i32.const 65536)) (i32.const 0) (i32.const 0) (i32.const -1)))
    (global.set $out (i32.const 65536))
    (i32.const 1))
)
